"""Clauses about what somebody did: how much a tag weighs, how many items they used, when they were seen.

In: JSON such as ``{"count": ["read"], "tags": ["theme:就业创业"], "days": 30, "at_least": 3}``. Out: clauses, and whole
rules that mix them with those about attributes. Conditions of policies have none of these: what somebody read tells
what interests them, and nothing of what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from civicrec.errors import InvalidInput
from civicrec.events import INTEREST_WEIGHTS
from civicrec.items import ITEM_TYPES
from profiles.rules.attributes import load_attributes, region_prefix
from profiles.rules.language import AnyClause, Combined, clause_from, read_rule
from profiles.tags import load_vocabulary

#: Nobody is known by what they did longer ago; events are kept for some days more.
MAX_DAYS = 366
_MAX_WORDS = 50
_MAX_WORD = 200
_MAX_WEIGHT = 1e9
#: What a tag that is given weighs more than; the night counts in parts of 2 ** -30.
_ANY_WEIGHT = 1e-12
Bound = Literal["at_least", "at_most"]
When = Literal["within_days", "since", "until"]
_OF_ITEMS = ("tags", "types", "region", "issuers")


@dataclass(frozen=True, slots=True)
class TagClause(AnyClause):
    """How much a tag of the last night weighs; 0 is what somebody weighs who has it not.

    Attributes
    ----------
    bound
        `at_least` of 0 is never read: it would hold of everybody.
    """

    tag: str
    bound: Bound
    weight: float


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items count; what is empty asks for nothing.

    Attributes
    ----------
    tags
        One of these, of those that using an item may give.
    region
        Digits as of `profiles.rules.attributes.region_prefix`: items of it or of a part of it.
    """

    tags: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    region: str = ""
    issuers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tags or self.types or self.region or self.issuers)


@dataclass(frozen=True, slots=True)
class CountClause(AnyClause):
    """How many different items somebody used in one of these ways, of the last days, the day of the night included."""

    kinds: tuple[str, ...]
    items: ItemFilter
    days: int
    bound: Bound
    n: int


@dataclass(frozen=True, slots=True)
class SeenClause(AnyClause):
    """When somebody was seen for the first or the last time; days of the portal's calendar, each included.

    Attributes
    ----------
    value
        A number of days for `within_days`, of which the day of the night is the first; else a day.
    """

    which: Literal["first", "last"]
    when: When
    value: int | date


#: A rule over attributes and behaviour.
PeopleRule = AnyClause | Combined[AnyClause]


def people_rule_from(data: Any) -> PeopleRule:
    """Return the rule over attributes and behaviour that JSON writes down.

    Raises
    ------
    InvalidInput
        If it is none, or names what is not governed; the message says where, what was got and what was expected.
    """
    return read_rule(data, _any_clause, "attribute, tag, count or seen")


def _any_clause(data: Mapping[str, Any], at: str) -> AnyClause:
    kind = next((name for name in ("tag", "count", "seen") if name in data), "attribute")
    match kind:
        case "tag":
            return _tag_clause(data, at)
        case "count":
            return _count_clause(data, at)
        case "seen":
            return _seen_clause(data, at)
    if "attribute" not in data:
        got = ", ".join(map(str, data))[:60]
        raise InvalidInput(f"{at}: got {got}; expected attribute, tag, count or seen, or all, any, not")
    return clause_from(data, at)


def _tag_clause(data: Mapping[str, Any], at: str) -> TagClause:
    _only(data, ("tag", *get_args(Bound)), at)
    name = _inferable(data["tag"], at)
    if not (bound := _bound(data, at, needed=False)):
        return TagClause(name, "at_least", _ANY_WEIGHT)
    weight = data[bound]
    if not _is_number(weight) or not 0 <= weight <= _MAX_WEIGHT or (bound == "at_least" and not weight):
        raise InvalidInput(
            f"{at}.{bound}: got {str(weight)[:60]!r}; expected a weight above 0, 1 being a click of today"
        )
    return TagClause(name, bound, float(weight))


def _count_clause(data: Mapping[str, Any], at: str) -> CountClause:
    _only(data, ("count", "days", *_OF_ITEMS, *get_args(Bound)), at)
    kinds = _words({"count": [data["count"]]} if isinstance(data["count"], str) else data, "count", at)
    _among(kinds, tuple(INTEREST_WEIGHTS), f"{at}.count")
    tags = tuple(_inferable(name, at) for name in _words(data, "tags", at)) if "tags" in data else ()
    types = _words(data, "types", at) if "types" in data else ()
    _among(types, ITEM_TYPES, f"{at}.types")
    issuers = _words(data, "issuers", at) if "issuers" in data else ()
    region = ""
    if "region" in data:
        code = data["region"]
        if not (isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 6):
            raise InvalidInput(f"{at}.region: got {str(code)[:60]!r}; expected six digits of a region, such as 440100")
        region = region_prefix(code)
    bound = _bound(data, at, needed=True)
    n = data[bound]
    if not _is_whole(n) or not (1 if bound == "at_least" else 0) <= n <= 1_000_000:
        raise InvalidInput(f"{at}.{bound}: got {str(n)[:60]!r}; expected a whole number of items, at_least from 1 on")
    return CountClause(
        tuple(sorted(set(kinds))), ItemFilter(tuple(sorted(set(tags))), tuple(sorted(set(types))), region,
        tuple(sorted(set(issuers)))), _days(data.get("days"), f"{at}.days"), bound, n,
    )  # fmt: skip


def _seen_clause(data: Mapping[str, Any], at: str) -> SeenClause:
    _only(data, ("seen", *get_args(When)), at)
    which = data["seen"]
    if which not in ("first", "last"):
        raise InvalidInput(f"{at}.seen: got {str(which)[:60]!r}; expected first or last")
    given = [name for name in get_args(When) if name in data]
    if len(given) != 1:
        raise InvalidInput(f"{at}: got {' and '.join(given) or 'no test'}; expected one of {', '.join(get_args(When))}")
    when, value = given[0], data[given[0]]
    if when == "within_days":
        return SeenClause(which, when, _days(value, f"{at}.{when}"))
    try:
        return SeenClause(which, when, date.fromisoformat(value))
    except (TypeError, ValueError):
        raise InvalidInput(f"{at}.{when}: got {str(value)[:60]!r}; expected a day such as 2026-01-31") from None


def _inferable(name: Any, at: str) -> str:
    """Return a tag's name, of those that behaviour may give."""
    if not isinstance(name, str):
        raise InvalidInput(f"{at}: got the tag {str(name)[:60]!r}; expected one such as theme:就业创业")
    try:
        tag = load_vocabulary().tag(name)
    except InvalidInput as error:
        raise InvalidInput(f"{at}: {error}") from None
    if tag.inferable:
        return tag.name
    asked = {"group": "groups", "life_event": "life_events"}.get(tag.dimension, tag.dimension)
    instead = f"; ask for the attribute {asked}" if asked in load_attributes() else ""
    what = "is sensitive and" if tag.sensitivity == "sensitive" else "says nothing of a person and"
    raise InvalidInput(f"{at}: {name!r} {what} is never told from what somebody did (PIPL 28-30){instead}")


def _bound(data: Mapping[str, Any], at: str, *, needed: bool) -> Any:
    given = [name for name in get_args(Bound) if name in data]
    if len(given) > 1 or (needed and not given):
        raise InvalidInput(f"{at}: got {' and '.join(given) or 'no number'}; expected one of at_least and at_most")
    return given[0] if given else ""


def _words(data: Mapping[str, Any], name: str, at: str) -> tuple[str, ...]:
    words = data[name]
    is_list = isinstance(words, list) and 0 < len(words) <= _MAX_WORDS
    if is_list and all(isinstance(one, str) and 0 < len(one) <= _MAX_WORD for one in words):
        return tuple(words)
    raise InvalidInput(f"{at}.{name}: got {str(words)[:60]!r}; expected a list of 1 to {_MAX_WORDS} words")


def _among(words: tuple[str, ...], known: tuple[str, ...], at: str) -> None:
    if (wrong := next((one for one in words if one not in known), None)) is not None:
        raise InvalidInput(f"{at}: got {wrong[:60]!r}; expected some of {', '.join(known)}")


def _only(data: Mapping[str, Any], known: tuple[str, ...], at: str) -> None:
    if (unknown := next((name for name in data if name not in known), None)) is not None:
        raise InvalidInput(f"{at}: got {str(unknown)[:60]!r}; expected {', '.join(known)}")


def _days(value: Any, at: str) -> int:
    if _is_whole(value) and 1 <= value <= MAX_DAYS:
        return int(value)
    raise InvalidInput(f"{at}: got {str(value)[:60]!r}; expected days, 1 to {MAX_DAYS}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
