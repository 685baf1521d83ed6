"""Many rules decided at once: each distinct clause once, then all combinations of one height together.

In: rules. Out: by the attributes somebody said the verdict of each and what leaves it undecided, as `holds` and
`missing` of `profiles.rules.language` have them one by one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from profiles.rules.attributes import Attributes, Value, load_attributes
from profiles.rules.language import Clause, Rule, holds

#: Verdicts, so that the least of several is that of all of them, and the greatest that of any.
FAILS, UNKNOWN, FITS = 0, 1, 2
#: Sorts behind every text that begins alike.
_LAST = "\U0010ffff"
#: What somebody said of one attribute → the verdicts of all clauses that put it to one test.
_Passing = Callable[[Value], NDArray[np.int8]]


class Decided(NamedTuple):
    """Of each rule its verdict, and which attributes leave it undecided: bits in the order of `CompiledRules.names`."""

    verdicts: NDArray[np.int8]
    lacking: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Tests:
    """Clauses that put one attribute to the same kind of test, and the places of their verdicts."""

    attribute: str
    passing: _Passing
    places: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Layer:
    """Combinations of one kind and height: their places, and the places of what they combine, one after the other."""

    how: str
    places: NDArray[np.int64]
    members: NDArray[np.int64]
    starts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """Rules as arrays.

    Attributes
    ----------
    names
        The attributes, and last the empty name of what no attribute tells; at most 63.
    """

    names: tuple[str, ...]
    _start: Decided
    _tests: tuple[_Tests, ...]
    _layers: tuple[_Layer, ...]
    _of_rule: NDArray[np.int64]

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> CompiledRules:
        """Compile rules, equal parts of them once."""
        names = (*load_attributes(), "")
        bit = {name: 1 << place for place, name in enumerate(names)}
        heights: dict[Rule, int] = {}
        for rule in rules:
            _measure(rule, heights)
        places = {rule: place for place, rule in enumerate(heights)}
        start = Decided(np.full(len(places), UNKNOWN, np.int8), np.zeros(len(places), np.int64))
        clauses: dict[tuple[str, str], list[Clause]] = defaultdict(list)
        combined: dict[tuple[int, str], list[Rule]] = defaultdict(list)
        for rule, height in heights.items():
            if isinstance(rule, Clause):
                clauses[rule.attribute, rule.test].append(rule)
                start.lacking[places[rule]] = bit[rule.attribute]
            elif rule.rules:
                combined[height, rule.how].append(rule)
            else:
                start.verdicts[places[rule]] = FITS if holds(rule, {}) else FAILS
        tests = tuple(
            _Tests(attribute, _passing(test, [one.value for one in same]), _array(places[one] for one in same))
            for (attribute, test), same in clauses.items()
        )
        layers = tuple(_layer(how, combined[height, how], places) for height, how in sorted(combined))
        return cls(names, start, tests, layers, _array(places[rule] for rule in rules))

    def decide(self, attributes: Attributes) -> Decided:
        """Decide all rules, in the order in which they were compiled."""
        verdicts, lacking = self._start.verdicts.copy(), self._start.lacking.copy()
        for tests in self._tests:
            if (said := attributes.get(tests.attribute)) is not None:
                verdicts[tests.places] = tests.passing(said)
        lacking[verdicts != UNKNOWN] = 0
        for layer in self._layers:
            of_members = verdicts[layer.members]
            if layer.how == "not":
                verdicts[layer.places] = FITS - of_members
            else:
                least_or_most = np.minimum if layer.how == "all" else np.maximum
                verdicts[layer.places] = least_or_most.reduceat(of_members, layer.starts)
            lacked = np.bitwise_or.reduceat(lacking[layer.members], layer.starts)
            lacking[layer.places] = np.where(verdicts[layer.places] == UNKNOWN, lacked, 0)
        return Decided(verdicts[self._of_rule], lacking[self._of_rule])


def _measure(rule: Rule, heights: dict[Rule, int]) -> int:
    """Note the height of a rule and of all in it, each after what it combines."""
    if rule not in heights:
        inner = () if isinstance(rule, Clause) else rule.rules
        heights[rule] = 1 + max((_measure(one, heights) for one in inner), default=-1)
    return heights[rule]


def _layer(how: str, rules: Sequence[Rule], places: dict[Rule, int]) -> _Layer:
    inner = [() if isinstance(rule, Clause) else rule.rules for rule in rules]
    starts = np.cumsum([0, *map(len, inner)])[:-1]
    return _Layer(
        how, _array(map(places.__getitem__, rules)), _array(places[one] for of in inner for one in of), starts
    )


def _passing(test: str, values: Sequence[Value]) -> _Passing:
    if test == "one_of":
        return _one_of(values)
    if test == "within":
        return _within([str(value) for value in values])
    bounds = np.array(values, np.float64)
    passes = np.greater_equal if test == "at_least" else np.less_equal
    return lambda said: _verdicts(passes(float(said), bounds))  # type: ignore[arg-type]  # a number has these tests


def _one_of(values: Sequence[Value]) -> _Passing:
    having: dict[str, list[int]] = defaultdict(list)
    for place, value in enumerate(values):
        for word in value if isinstance(value, frozenset) else (str(value),):
            having[word].append(place)
    places = {word: _array(of) for word, of in having.items()}

    def passing(said: Value) -> NDArray[np.int8]:
        passes = np.zeros(len(values), bool)
        for word in said if isinstance(said, frozenset) else (str(said),):
            if word in places:
                passes[places[word]] = True
        return _verdicts(passes)

    return passing


def _within(regions: Sequence[str]) -> _Passing:
    order = sorted(range(len(regions)), key=regions.__getitem__)
    ordered, in_order = [regions[place] for place in order], _array(order)

    def passing(said: Value) -> NDArray[np.int8]:
        region, found = str(said), np.full(len(regions), FAILS, np.int8)
        # Who names the city only may live in the district that the rule is for.
        found[bisect_left(ordered, region) : bisect_right(ordered, region + _LAST)] = UNKNOWN
        for end in range(len(region) + 1):
            found[bisect_left(ordered, region[:end]) : bisect_right(ordered, region[:end])] = FITS
        by_place = np.empty_like(found)
        by_place[in_order] = found
        return by_place

    return passing


def _verdicts(passes: NDArray[np.bool_]) -> NDArray[np.int8]:
    return np.where(passes, FITS, FAILS).astype(np.int8)


def _array(numbers: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(numbers, np.int64)
