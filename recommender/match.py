"""Which policies and services fit somebody: by clauses of the catalogue, not by any model (政策计算器).

In: what a person or a firm says of themselves. Out: what fits, what does not and by which clause, what is not known,
and the one question whose answer would decide most. Nothing here decides a right: 以主管部门认定为准.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from civicrec.items import Item, ItemType
from profiles.rules.attributes import Attribute, Attributes, load_attributes, region_prefix, word_of
from profiles.rules.language import Clause, holds
from recommender.catalogue import Catalogue
from recommender.eligibility import eligible


@dataclass(frozen=True, slots=True)
class Condition:
    """A clause of an item, with the words it comes from."""

    clause: Clause
    quote: str


Conditions = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Matched:
    """An item and what became of its conditions: those that hold, that do not, and that are not known."""

    item: Item
    holding: Conditions = ()
    failing: Conditions = ()
    unknown: Conditions = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Items of one verdict: how many, and the first of them, the most specific first, then the newest."""

    n: int
    items: tuple[Matched, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """What fits, what does not, and what is not known.

    Attributes
    ----------
    question
        The attribute whose answer would decide most of what is not known, ``None`` if no answer would decide any.
    decides
        How many items it would decide, whatever the answer.
    """

    fits: Group
    does_not_fit: Group
    not_known: Group
    question: Attribute | None
    decides: int


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Which conditions there are, and which of them each row has: many items have the same ones."""

    conditions: tuple[Conditions, ...]
    of_row: NDArray[np.int64]


def match(catalogue: Catalogue, attributes: Attributes, types: Collection[ItemType], n: int, now: datetime) -> Match:
    """Match attributes with the items of some types that are in force and open to applications.

    Parameters
    ----------
    n
        Items told of each group.
    """
    kinds = catalogue.once(_kinds)
    parts = [_decided(conditions, attributes) for conditions in kinds.conditions]
    verdicts = np.array([1 if failing else 2 if unknown else 0 for _, failing, unknown in parts], np.int64)
    n_holding = np.array([len(holding) for holding, _, _ in parts], np.int64)
    rows = catalogue.newest[eligible(catalogue, types, now)[catalogue.newest]]
    of_row = kinds.of_row[rows]
    items = list(catalogue.items.values())

    def group(verdict: int) -> Group:
        mine = np.flatnonzero(verdicts[of_row] == verdict)
        first = mine[np.argsort(-n_holding[of_row[mine]], kind="stable")[:n]]
        return Group(len(mine), tuple(Matched(items[rows[place]], *parts[of_row[place]]) for place in first.tolist()))

    counts = np.bincount(of_row[verdicts[of_row] == 2], minlength=len(parts))
    question, decides = _question((parts[kind][2], int(counts[kind])) for kind in np.flatnonzero(counts).tolist())
    return Match(group(0), group(1), group(2), question, decides)


def conditions_of(item: Item) -> Conditions:
    """Return the conditions that an item's fields state; an item that states none is for everybody.

    Words that the vocabulary does not govern make a condition that nobody's attributes tell.
    """
    named = (
        ("audience", item.audiences, "服务对象"),
        ("groups", item.person_groups, "适用人群"),
        ("industry", item.industries, "适用行业"),
        ("scale", item.enterprise_scales, "企业规模"),
    )
    conditions = [_of_words(attribute, words, label) for attribute, words, label in named if words]
    if region := region_prefix(item.region_code):
        conditions.append(Condition(Clause("region", "within", region), f"适用地区：{item.region_code}"))
    return tuple(conditions)


def _of_words(attribute: str, words: tuple[str, ...], label: str) -> Condition:
    governed = [word_of(attribute, word) for word in words]
    # A word nobody governs may be the one by which somebody fits, so that others fail decides nothing.
    clause = Clause(attribute if all(governed) else "", "one_of", frozenset(filter(None, governed)))
    return Condition(clause, f"{label}：{'、'.join(words)}")


def _kinds(catalogue: Catalogue) -> _Kinds:
    numbers: dict[Conditions, int] = {}
    of_row = [numbers.setdefault(conditions_of(item), len(numbers)) for item in catalogue.items.values()]
    return _Kinds(tuple(numbers), np.array(of_row, np.int64))


def _decided(conditions: Conditions, attributes: Attributes) -> tuple[Conditions, Conditions, Conditions]:
    verdicts = [(one, holds(one.clause, attributes)) for one in conditions]
    holding, failing, unknown = (tuple(one for one, is_so in verdicts if is_so is what) for what in (True, False, None))
    return holding, failing, unknown


def _question(undecided: Iterable[tuple[Conditions, int]]) -> tuple[Attribute | None, int]:
    """Return the attribute that alone is missing for the most items; of equals the one that most items lack.

    Parameters
    ----------
    undecided
        What is not known of some items, and how many they are.
    """
    alone: Counter[str] = Counter()
    lacked: Counter[str] = Counter()
    for unknown, n in undecided:
        names = {one.clause.attribute for one in unknown}
        for name in names:
            lacked[name] += n
            alone[name] += n * (len(names) == 1)
    known = load_attributes()
    best = min((name for name in lacked if name in known), key=lambda one: (-alone[one], -lacked[one], one), default="")
    return (known[best], alone[best]) if best else (None, 0)
