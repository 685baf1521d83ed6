"""Attributes that people and firms declare, or a portal imports: what is taken, what contradicts, what holds.

In: what was said, and the sealed rows that are kept. Out: new rows, the values in force as rules compare them, and what
the person is told. Behaviour gives no attribute: nothing here reads an event.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from civicrec.clock import moved, rfc3339
from civicrec.errors import InvalidInput
from civicrec.registry.attributes import Kept, Source
from civicrec.registry.audit import Act
from civicrec.security.sealing import Seal
from civicrec.security.tokens import Keys
from profiles.rules.attributes import Attributes, attributes_from, is_sensitive, load_attributes, plain_value
from profiles.rules.language import Rule, holds, rule_from

_NATURAL_PERSON = "自然人"
_MAX_VALID = timedelta(days=3_653)
_SEALED_STEP = 64
Decision = Callable[[Sequence[Kept]], tuple[Sequence[Kept], Collection[str]]]


class Contradiction(InvalidInput):
    """Two values that cannot be true of one person or firm.

    Attributes
    ----------
    between
        Both attributes with their values.
    says
        The same in Chinese, for the person.
    """

    def __init__(self, between: Mapping[str, Any], why: str, says: str) -> None:
        shown = " and ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in between.items())
        super().__init__(f"got {shown}: {why}; change one of them, or take it back with null")
        self.between = between
        both = "与".join(f"“{load_attributes()[name].label}：{plainly(value)}”" for name, value in between.items())
        self.says = f"{both}不能同时成立：{says}。请更正其中一项，或先撤回另一项。"


@dataclass(frozen=True, slots=True)
class Imported:
    """Where imported values come from: the duty they are for, and their number in the catalogue of shared data.

    Attributes
    ----------
    source, notice
        The office that shared them, and the version of the notice that told people so, where known.
    """

    purpose: str
    catalogue_id: str
    source: str = ""
    notice: str = ""

    def act(self, now: datetime, by: str, person: str, values: Iterable[str]) -> Act:
        """Return what the audit log says of an import: which attributes, never their values."""
        known = {"source": self.source, "notice": self.notice}
        facts = {"purpose": self.purpose, "catalogue_id": self.catalogue_id, "attributes": sorted(values)}
        return Act(now, by, "attributes_imported", person, facts | {name: text for name, text in known.items() if text})


def seal_of(keys: Keys) -> Seal:
    """Return the seal of an installation's attributes."""
    return Seal(keys.newest_key_for("attributes"))


def resealed(sealed: bytes, attribute: str, before: tuple[str, Seal], after: tuple[str, Seal]) -> bytes:
    """Return a sealed value of one pseudonym, each with its seal, for another; it is opened in memory alone.

    Raises
    ------
    ConfigError
        If it does not open.
    """
    (old, opens), (new, closes) = before, after
    return closes.close(opens.open(sealed, _owner(old, attribute)), _owner(new, attribute))


def decision(
    said: Mapping[str, Any], subject: str, seal: Seal, now: datetime, *, consents: bool = False,
    valid_until: datetime | None = None, imported: Imported | None = None,
) -> Decision:  # fmt: skip
    """Return what makes rows of what was said, for `civicrec.registry.attributes.change`; null takes a value back.

    Of an import, what the person declared stays: an attribute they declared is not touched.

    Parameters
    ----------
    consents
        Whether the person consents apart to sensitive values.
    valid_until
        When the values stop to hold; by the days each attribute has (`valid_days`) when not given.

    Raises
    ------
    InvalidInput
        If an attribute or value is none, a sensitive one comes without consent or by import, an import lacks its
        purpose or catalogue number, or the values would hold no more, or for longer than ten years.
        The returned function: if two attributes contradict each other; it names both.
    """
    source: Source = "imported" if imported else "declared"
    origin = imported or Imported("", "")
    if imported and not (imported.purpose.strip() and imported.catalogue_id.strip()):
        raise InvalidInput("an import needs the purpose it is for and its number in the catalogue of shared data")
    if valid_until is not None and not now < valid_until <= moved(now, _MAX_VALID):
        raise InvalidInput(f"got valid_until {rfc3339(valid_until)}; expected a time from now on, ten years at most")
    sensitive = sensitive_of(said)
    values = {name: plain_value(name, value) for name, value in said.items() if value is not None}
    if sensitive and imported:
        raise InvalidInput(f"{sensitive[0]} is sensitive: only the person can declare it, with a consent of their own")
    if sensitive and not consents:
        raise InvalidInput(
            f"{sensitive[0]} is sensitive (个人信息保护法 Art. 28): expected sensitive_consent true, given "
            "by the person apart from any other consent"
        )

    def decide(kept: Sequence[Kept]) -> tuple[Sequence[Kept], Collection[str]]:
        in_force = [row for row in kept if row.holds(now)]
        own = {row.attribute for row in in_force if row.source == "declared"}
        taken = {name: value for name, value in values.items() if source == "declared" or name not in own}
        ended = {name for name, value in said.items() if value is None and (source == "declared" or name not in own)}
        before = readable(opened(in_force, subject, seal))
        check_contradictions({name: value for name, value in before.items() if name not in ended} | taken)
        known = load_attributes()
        rows = [
            Kept(
                name, seal.close(_padded(value), _owner(subject, name)), source, now,
                valid_until or moved(now, timedelta(days=known[name].valid_days)),
                origin.purpose, origin.catalogue_id,
                now if name in sensitive else None,
            )
            for name, value in taken.items()
        ]  # fmt: skip
        return rows, ended

    return decide


def sensitive_of(said: Mapping[str, Any]) -> list[str]:
    """Return the attributes whose values are sensitive; raises as `profiles.rules.attributes.attributes_from` does."""
    attributes_from(said)
    return sorted(
        name for name, value in said.items() if value is not None and is_sensitive(name, plain_value(name, value))
    )


def check_contradictions(values: Mapping[str, Any]) -> None:
    """Refuse what cannot be true of one person or firm.

    Raises
    ------
    InvalidInput
        A `Contradiction`, naming both attributes and their values.
    """
    known = load_attributes()
    holders: dict[str, str] = {name: known[name].holder for name in values if known[name].holder != "either"}
    if audience := values.get("audience"):
        holders = {"audience": "person" if audience == _NATURAL_PERSON else "firm"} | holders
    person = next((name for name, holder in holders.items() if holder == "person"), None)
    firm = next((name for name, holder in holders.items() if holder == "firm"), None)
    if person and firm:
        both = {name: values[name] for name in (person, firm)}
        raise Contradiction(both, "one is a person's, the other a firm's", "一项属于个人，另一项属于单位")
    said = attributes_from(values)
    for one, other, says, rule in _contradictions():
        if holds(rule, said):
            raise Contradiction({name: values[name] for name in (one, other)}, "they cannot both be true", says)


def opened(rows: Iterable[Kept], subject: str, seal: Seal) -> dict[str, Any]:
    """Return attribute → value of rows, as JSON keeps it."""
    return {row.attribute: json.loads(seal.open(row.sealed, _owner(subject, row.attribute))) for row in rows}


def in_force(rows: Iterable[Kept], subject: str, seal: Seal, now: datetime) -> Attributes:
    """Return the values in force as rules compare them; one whose word is governed no longer is not known."""
    return attributes_from(readable(opened((row for row in rows if row.holds(now)), subject, seal)))


def readable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some kept values that are still governed: words leave the vocabulary, attributes the list."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        with suppress(InvalidInput):
            attributes_from({name: value})
            found[name] = value
    return found


def told(rows: Iterable[Kept], subject: str, seal: Seal, now: datetime) -> list[dict[str, Any]]:
    """Return what the person is told: every value with its source, validity and state, the oldest first."""
    return [
        {
            "attribute": row.attribute,
            "value": opened([row], subject, seal)[row.attribute],
            "state": "in_force" if row.holds(now) else "replaced" if row.ended_at else "expired",
            "source": row.source,
            "purpose": row.purpose,
            "catalogue_id": row.catalogue_id,
            "said_at": rfc3339(row.said_at),
            "valid_until": rfc3339(row.valid_until),
            "ended_at": rfc3339(row.ended_at) if row.ended_at else None,
            "sensitive_consent_at": rfc3339(row.consent_at) if row.consent_at else None,
        }
        for row in rows
    ]


def plainly(value: Any) -> str:
    """Return a value as people read it."""
    return "、".join(value) or "无" if isinstance(value, list) else str(value)


def _padded(value: Any) -> bytes:
    """Write a value as JSON; the spaces after it leave the length of what is sealed to tell little."""
    text = json.dumps(value, ensure_ascii=False).encode()
    return text.ljust(-(-len(text) // _SEALED_STEP) * _SEALED_STEP)


def _owner(subject: str, attribute: str) -> str:
    return f"{subject}:{attribute}"


@cache
def _contradictions() -> tuple[tuple[str, str, str, Rule], ...]:
    page = tomllib.loads((files("profiles.rules") / "attributes.toml").read_text(encoding="utf-8"))
    return tuple((*one["between"], one["says"], rule_from(one["rule"])) for one in page["contradictions"])
