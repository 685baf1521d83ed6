"""Whether anybody could match a rule at all, found by trying the values that tell its clauses apart.

In: a rule. Out: no only if every way was tried; a rule with too many ways is taken as one that somebody matches.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import combinations
from typing import Any

from civicrec.errors import InvalidInput
from profiles.rights.attributes import check_contradictions
from profiles.rules.attributes import Attributes, load_attributes
from profiles.rules.behaviour import MAX_DAYS, CountClause, PeopleRule, SeenClause, TagClause
from profiles.rules.language import AnyClause, Clause, clause_holds, leaves, verdict

#: Clauses that are decided before the search gives up; about a second.
_MAX_DECIDED = 1_000_000
_MAX_WORDS = 6
_MOST = 1e9
#: What a clause asks about, such as an attribute.
_Subject = tuple[Hashable, ...]


def can_match(rule: PeopleRule, today: date) -> bool:
    """Say whether there may be somebody, now or later, of whom a rule holds.

    Counts of different items and tags are taken as independent of each other, so that a no is always true and a yes
    need not be.
    """
    clauses = list(dict.fromkeys(leaves(rule)))
    if len({word for one in clauses if isinstance(one, Clause) for word in _words(one)}) > _MAX_WORDS:
        return True
    ways = _ways(clauses, today)
    subjects = list(ways)
    left = [_MAX_DECIDED]

    def search(n: int, assigned: Mapping[_Subject, Any]) -> bool:
        left[0] -= len(clauses)
        found = verdict(rule, lambda clause: _decide(clause, assigned, today))
        if found is not None or n == len(subjects):
            return found is True and _is_possible(assigned)
        # Without a value first: what decides nothing contradicts nothing.
        tried = ({**assigned, subjects[n]: value} for value in ways[subjects[n]])
        return any(left[0] <= 0 or search(n + 1, one) for one in (assigned, *tried))

    return search(0, {})


def _ways(clauses: Iterable[AnyClause], today: date) -> dict[_Subject, list[Any]]:
    """Return for each subject the values between which its clauses tell apart."""
    by_subject: dict[_Subject, list[AnyClause]] = {}
    for clause in clauses:
        by_subject.setdefault(_subject(clause), []).append(clause)
    return {subject: list(_values(asked, today)) for subject, asked in by_subject.items()}


def _subject(clause: AnyClause) -> _Subject:
    match clause:
        case TagClause():
            return ("tag", clause.tag)
        case CountClause():
            return ("count", clause.kinds, clause.items, clause.days)
        case SeenClause():
            return ("seen", clause.which)
        case Clause():
            return ("attribute", clause.attribute)
    raise TypeError(f"unknown kind of clause {clause!r}")


def _values(clauses: list[AnyClause], today: date) -> Iterator[Any]:
    match clauses[0]:
        case TagClause():
            yield from _numbers([one.weight for one in clauses if isinstance(one, TagClause)])
        case CountClause():
            numbers = {one.n for one in clauses if isinstance(one, CountClause)}
            yield from sorted({0, *numbers, *(n + 1 for n in numbers)})
        case SeenClause():
            yield from _days([one for one in clauses if isinstance(one, SeenClause)], today)
        case Clause() as first:
            yield from _said(first.attribute, [one for one in clauses if isinstance(one, Clause)])


def _numbers(bounds: Iterable[float]) -> Iterator[float]:
    """Yield numbers from 0 on below, at, between and above some bounds."""
    known = sorted({0.0, *(one for one in bounds if 0 <= one <= _MOST), _MOST})
    yield from known
    yield from ((low + high) / 2 for low, high in zip(known, known[1:], strict=False))


def _days(clauses: list[SeenClause], today: date) -> Iterator[date]:
    oldest = today - timedelta(days=MAX_DAYS - 1)
    bounds = [_bound(one, today) for one in clauses]
    near = {day + timedelta(days=step) for day in bounds for step in (-1, 0, 1) if date.min < day < date.max}
    yield from sorted(day for day in {oldest, today, *near} if day >= oldest)


def _said(attribute: str, clauses: list[Clause]) -> Iterator[Any]:
    facts = load_attributes()[attribute]
    words = sorted({word for one in clauses if isinstance(one.value, frozenset) for word in one.value})
    match facts.kind:
        case "choice":
            other = next((option for option in facts.options if option not in words), None)
            yield from words if other is None else [*words, other]
        case "set":
            for n in range(len(words) + 1):
                yield from map(frozenset, combinations(words, n))
        case "number":
            yield from _numbers(float(one.value) for one in clauses)  # type: ignore[arg-type]  # as its kind has it
        case "region":
            yield from dict.fromkeys([*(str(one.value) for one in clauses), "98"])


def _decide(clause: AnyClause, assigned: Mapping[_Subject, Any], today: date) -> bool | None:
    subject = _subject(clause)
    if subject not in assigned:
        return None
    value = assigned[subject]
    match clause:
        case Clause():
            said: Attributes = {clause.attribute: value}
            return clause_holds(clause, said)
        case TagClause():
            return _TESTS[clause.bound](value, clause.weight)
        case CountClause():
            return _TESTS[clause.bound](value, clause.n)
        case SeenClause():
            return _TESTS["at_most" if clause.when == "until" else "at_least"](value, _bound(clause, today))
    raise TypeError(f"unknown kind of clause {clause!r}")


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "at_least": lambda value, bound: bool(value >= bound), "at_most": lambda value, bound: bool(value <= bound)
}  # fmt: skip


def _bound(clause: SeenClause, today: date) -> date:
    return clause.value if isinstance(clause.value, date) else today - timedelta(days=clause.value - 1)


def _is_possible(assigned: Mapping[_Subject, Any]) -> bool:
    first, last = assigned.get(("seen", "first")), assigned.get(("seen", "last"))
    if first and last and first > last:
        return False
    said = {str(subject[1]): _plain(value) for subject, value in assigned.items() if subject[0] == "attribute"}
    if "region" in said:
        said["region"] = f"{said['region']:0<6}"
    try:
        check_contradictions(said)
    except InvalidInput:
        return False
    return True


def _words(clause: Clause) -> frozenset[str]:
    """Return the words of a clause whose attribute may have several at once: of many, too many ways."""
    is_set = isinstance(clause.value, frozenset) and load_attributes()[clause.attribute].kind == "set"
    return clause.value if is_set and isinstance(clause.value, frozenset) else frozenset()


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value
