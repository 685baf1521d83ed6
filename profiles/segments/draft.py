"""What somebody writes down to have a segment: read from JSON, refused in clear words.

In: JSON with ``id``, ``name``, ``owner``, ``description`` and ``rule``. Out: a `Draft` whose rule somebody can match.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from civicrec.errors import InvalidInput
from civicrec.registry.segments import Draft, Segment
from civicrec.text import is_blank, unprintable
from profiles.rules.behaviour import PeopleRule, people_rule_from
from profiles.segments.satisfiable import can_match
from profiles.tags import load_vocabulary

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FIELDS = ("id", "name", "owner", "description", "version", "rule")
_LONGEST = {"name": 200, "owner": 64, "description": 2_000}
#: A rule of 200 clauses with 50 words each takes less.
MAX_BYTES = 1 << 20


def draft_from(content: bytes, today: date) -> Draft:
    """Return the segment that the content of a file writes down.

    Raises
    ------
    InvalidInput
        If it is none, or nobody can match its rule; the message says what was got and what was expected.
    """
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"the segment has {len(content)} bytes; expected at most {MAX_BYTES}")
    try:
        data = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the segment is no JSON: {error}") from None
    if not isinstance(data, Mapping):
        raise InvalidInput(f"got {str(data)[:60]!r}; expected an object with {', '.join(_FIELDS)}")
    if unknown := sorted(data.keys() - set(_FIELDS)):
        raise InvalidInput(f"got {unknown[0][:60]!r}; expected {', '.join(_FIELDS)}")
    name_of_it = data.get("id")
    if not isinstance(name_of_it, str) or not _ID.fullmatch(name_of_it):
        raise InvalidInput(
            f"id: got {str(name_of_it)[:80]!r}; expected small letters, digits and -, such as small-firms"
        )
    texts = {name: _text(data, name) for name in _LONGEST}
    version = data.get("version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or version < 1):
        raise InvalidInput(f"version: got {str(version)[:60]!r}; expected the one that was edited, or none")
    checked_rule(data.get("rule"), today)
    return Draft(name_of_it, **texts, rule=data["rule"], vocabulary=load_vocabulary().version, version=version)


def checked_rule(data: Any, today: date) -> PeopleRule:
    """Return the rule that JSON writes down, if somebody can match it.

    Raises
    ------
    InvalidInput
        If it is none, or its clauses contradict each other.
    """
    rule = people_rule_from(data)
    if not can_match(rule, today):
        raise InvalidInput(
            "nobody can match the rule: its clauses contradict each other, or ask a person's and a firm's attributes "
            "of one; expected one that somebody matches"
        )
    return rule


def rule_of(segment: Segment) -> PeopleRule:
    """Return the rule of a kept segment.

    Raises
    ------
    InvalidInput
        If a word of it is governed no longer; the message names segment and word.
    """
    try:
        return people_rule_from(segment.rule)
    except InvalidInput as error:
        was = f"it was made by vocabulary {segment.vocabulary}, now it is {load_vocabulary().version}"
        hint = "put a new version of it" if segment.vocabulary != load_vocabulary().version else "put it anew"
        raise InvalidInput(f"segment {segment.segment_id!r} cannot be asked: {error}; {was}: {hint}") from None


def as_file(segment: Segment) -> dict[str, Any]:
    """Return a segment as `draft_from` reads it, to be edited."""
    return {
        "id": segment.segment_id, "name": segment.name, "owner": segment.owner, "description": segment.description,
        "version": segment.version, "rule": segment.rule,
    }  # fmt: skip


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, "" if name == "description" else None)
    longest = _LONGEST[name]
    if not isinstance(value, str) or len(value) > longest or (name != "description" and is_blank(value)):
        raise InvalidInput(f"{name}: got {str(value)[:60]!r}; expected words, at most {longest} characters")
    if (wrong := unprintable(value)) is not None:
        raise InvalidInput(f"{name}: got {wrong!r}, which cannot be shown; expected one line of words")
    return value
