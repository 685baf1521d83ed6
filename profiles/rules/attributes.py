"""What a person or a firm may say of themselves: the attributes rules ask for, each with its question.

In: `attributes.toml`, and what somebody says. Out: `Attribute`s, and values as rules compare them. A word outside the
vocabulary is refused: nobody fits by a word that nobody governs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

from civicrec.errors import InvalidInput
from civicrec.tags import Dimension
from profiles.tags import load_vocabulary

Kind = Literal["choice", "set", "number", "region"]
Holder = Literal["person", "firm", "either"]
#: Said by attributes: a word, words, a number, the digits of a region without the zeros at its end.
Value = str | float | frozenset[str]
Attributes = Mapping[str, Value]
_REGION = re.compile(r"[1-9][0-9]{5}")
_SENSITIVE_UNDER_AGE = 14
#: From this age on somebody is no minor.
ADULT_AGE = 18
_MINORS = "儿童青少年"
#: What `is_minor` asks.
TELL_MINORS = frozenset({"age", "groups"})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute.

    Attributes
    ----------
    options
        The words it may have, for `choice` and `set`.
    why
        What the answer is for, as the person is told.
    holder
        Who has it: a person, a firm (any body but a natural person), or either.
    valid_days
        How long what was said holds, when nothing else was said.
    """

    name: str
    label: str
    kind: Kind
    question: str
    why: str
    options: tuple[str, ...] = ()
    holder: Holder = "either"
    valid_days: int = 366


@cache
def load_attributes() -> Mapping[str, Attribute]:
    """Read the attributes that ship with the package, once per process."""
    page = tomllib.loads((files("profiles.rules") / "attributes.toml").read_text(encoding="utf-8"))
    return {
        name: Attribute(
            name,
            facts["label"],
            facts["kind"],
            facts["question"],
            facts["why"],
            tuple(facts.get("options", ())) or _words_of(facts.get("words", "")),
            facts["holder"],
            facts["valid_days"],
        )
        for name, facts in page["attributes"].items()
    }


def attributes_from(said: Mapping[str, Any]) -> dict[str, Value]:
    """Return what somebody says as rules compare it; what is null is not said.

    Raises
    ------
    InvalidInput
        If an attribute is unknown or its value is none it may have.
    """
    known = load_attributes()
    if (unknown := next((name for name in said if name not in known), None)) is not None:
        raise InvalidInput(f"unknown attribute {unknown[:60]!r}; expected {', '.join(known)}")
    return {name: _value(known[name], value) for name, value in said.items() if value is not None}


def word_of(attribute: str, word: str) -> str:
    """Return the governed word that a word or an alias spells for an attribute, empty if there is none."""
    options = load_attributes()[attribute].options
    if word in options:
        return word
    return next((tag.word for tag in load_vocabulary().find(word) if tag.word in options), "")


def region_prefix(code: str) -> str:
    """Return the digits of a region without those that say "all of it".

    Examples
    --------
    >>> [region_prefix(code) for code in ("440000", "440100", "440106", "000000", "")]
    ['44', '4401', '440106', '', '']
    """
    return next((code[:end] for end in (0, 2, 4, 6, 9) if not code[end:].strip("0")), code)


def plain_value(attribute: str, value: Any) -> Any:
    """Return a value as JSON keeps it, its words governed, a list sorted.

    Raises
    ------
    InvalidInput
        As of `attributes_from`.
    """
    [read] = attributes_from({attribute: value}).values()
    if isinstance(read, frozenset):
        return sorted(read)
    if isinstance(read, float):
        return int(read) if read.is_integer() else read
    return value if load_attributes()[attribute].kind == "region" else read


def is_sensitive(attribute: str, value: Any) -> bool:
    """Say whether a value is sensitive (PIPL 28): one of its words is, or it tells of a child under fourteen."""
    if attribute == "age":
        return bool(value < _SENSITIVE_UNDER_AGE)
    words = value if isinstance(value, list) else [value]
    return any(
        tag.sensitivity == "sensitive"
        for word in words
        if isinstance(word, str)
        for tag in load_vocabulary().find(word)
        if tag.dimension in ("group", "life_event")
    )


def is_minor(attributes: Attributes) -> bool:
    """Say whether somebody said that they are under eighteen."""
    age, groups = attributes.get("age"), attributes.get("groups")
    return (isinstance(age, float) and age < ADULT_AGE) or (isinstance(groups, frozenset) and _MINORS in groups)


def _value(attribute: Attribute, value: Any) -> Value:
    match attribute.kind:
        case "number" if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e9:
            return float(value)
        case "region" if isinstance(value, str) and _REGION.fullmatch(value):
            return region_prefix(value)
        case "choice" if isinstance(value, str) and (word := word_of(attribute.name, value)):
            return word
        case "set" if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            words = [word_of(attribute.name, one) for one in value]
            if all(words):
                return frozenset(words)
    raise InvalidInput(f"got {attribute.name}={str(value)[:60]!r}; expected {_expected(attribute)}")


def _expected(attribute: Attribute) -> str:
    match attribute.kind:
        case "number":
            return "a number from 0 on"
        case "region":
            return "six digits of a region (GB/T 2260), such as 440106"
        case "choice":
            return f"one of {', '.join(attribute.options)}"
        case "set":
            return f"a list of some of {', '.join(attribute.options)}; [] for none"


def _words_of(dimension: str) -> tuple[str, ...]:
    tags = load_vocabulary().tags.values()
    return tuple(tag.word for tag in tags if tag.dimension == cast("Dimension", dimension))
