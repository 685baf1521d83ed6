"""Which policies and services fit somebody: by clauses of the catalogue, not by any model (政策计算器).

In: what a person or a firm says of themselves. Out: what fits, what does not and by which clause, what is not known,
and the one question whose answer would decide most. Nothing here decides a right: 以主管部门认定为准.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from civicrec.errors import InvalidInput
from civicrec.items import Item, ItemType
from profiles.rules.attributes import Attribute, Attributes, load_attributes, region_prefix, word_of
from profiles.rules.compiled import FAILS, FITS, UNKNOWN, CompiledRules
from profiles.rules.language import Clause, Combined, Rule, holds, rule_from
from recommender.catalogue import Catalogue
from recommender.eligibility import eligible

#: Leaves a set without a condition something to take the least of; counted as one that holds in every set alike.
_ALWAYS: Combined[Clause] = Combined("all", ())
_NEVER_KNOWN = Clause("", "one_of", frozenset())


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule that an item states, with the words it comes from."""

    rule: Rule
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
    """Which sets of conditions there are, which of them each row has, and which rules they are made of.

    Many items have the same set, and many sets the same rule.

    Attributes
    ----------
    of_row
        Row of the catalogue → number of its set.
    rules
        Each rule once, after `_ALWAYS`.
    members, starts
        Numbers of the rules of all sets, one set after the other, each beginning with `_ALWAYS`; and where each begins.
    """

    conditions: tuple[Conditions, ...]
    of_row: NDArray[np.int64]
    rules: CompiledRules
    members: NDArray[np.int64]
    starts: NDArray[np.int64]


def match(catalogue: Catalogue, attributes: Attributes, types: Collection[ItemType], n: int, now: datetime) -> Match:
    """Match attributes with the items of some types that are in force and open to applications.

    Parameters
    ----------
    n
        Items told of each group.
    """
    kinds = catalogue.once(_kinds)
    decided = kinds.rules.decide(attributes)
    of_member = decided.verdicts[kinds.members]
    verdicts = np.minimum.reduceat(of_member, kinds.starts)
    n_holding = np.add.reduceat(of_member == FITS, kinds.starts)
    rows = catalogue.newest[eligible(catalogue, types, now)[catalogue.newest]]
    of_row = kinds.of_row[rows]
    items = list(catalogue.items.values())

    def group(verdict: int) -> Group:
        mine = np.flatnonzero(verdicts[of_row] == verdict)
        first = mine[np.argsort(-n_holding[of_row[mine]], kind="stable")[:n]]
        return Group(len(mine), tuple(matched(place) for place in first.tolist()))

    def matched(place: int) -> Matched:
        return Matched(items[rows[place]], *_decided(kinds.conditions[of_row[place]], attributes))

    counts = np.bincount(of_row[verdicts[of_row] == UNKNOWN], minlength=len(verdicts))
    question, decides = _question(_lacking(kinds, decided.lacking, counts))
    return Match(group(FITS), group(FAILS), group(UNKNOWN), question, decides)


def conditions_of(item: Item) -> Conditions:
    """Return the conditions that an item's fields and its stated rules make; an item without any is for everybody.

    Words that the vocabulary does not govern make a condition that nobody's attributes tell, as does a rule that was
    good when the item was imported and names a word that is governed no longer.
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
    return (*conditions, *(Condition(_stated(one.rule), one.quote) for one in item.conditions))


def _stated(rule: Mapping[str, Any]) -> Rule:
    try:
        return rule_from(rule)
    except InvalidInput:
        return _NEVER_KNOWN


def _of_words(attribute: str, words: tuple[str, ...], label: str) -> Condition:
    governed = [word_of(attribute, word) for word in words]
    # A word nobody governs may be the one by which somebody fits, so that others fail decides nothing.
    clause = Clause(attribute if all(governed) else "", "one_of", frozenset(filter(None, governed)))
    return Condition(clause, f"{label}：{'、'.join(words)}")


def _kinds(catalogue: Catalogue) -> _Kinds:
    numbers: dict[Conditions, int] = {}
    of_row = [numbers.setdefault(conditions_of(item), len(numbers)) for item in catalogue.items.values()]
    rules: dict[Rule, int] = {_ALWAYS: 0}
    members: list[int] = []
    starts: list[int] = []
    for conditions in numbers:
        starts.append(len(members))
        members += [0, *(rules.setdefault(one.rule, len(rules)) for one in conditions)]
    arrays = (np.array(some, np.int64) for some in (members, starts))
    return _Kinds(tuple(numbers), np.array(of_row, np.int64), CompiledRules.of(list(rules)), *arrays)


def _lacking(
    kinds: _Kinds, of_rule: NDArray[np.int64], counts: NDArray[np.int64]
) -> Iterator[tuple[frozenset[str], int]]:
    """Yield which attributes leave items undecided, and how many items lack just these."""
    of_kind = np.bitwise_or.reduceat(of_rule[kinds.members], kinds.starts)
    open_kinds = np.flatnonzero(counts)
    lacked, of_open = np.unique(of_kind[open_kinds], return_inverse=True)
    for bits, n in zip(lacked.tolist(), np.bincount(of_open, counts[open_kinds]).tolist(), strict=True):
        yield frozenset(name for place, name in enumerate(kinds.rules.names) if bits >> place & 1), int(n)


def _decided(conditions: Conditions, attributes: Attributes) -> tuple[Conditions, Conditions, Conditions]:
    verdicts = [(one, holds(one.rule, attributes)) for one in conditions]
    holding, failing, unknown = (tuple(one for one, is_so in verdicts if is_so is what) for what in (True, False, None))
    return holding, failing, unknown


def _question(undecided: Iterable[tuple[frozenset[str], int]]) -> tuple[Attribute | None, int]:
    """Return the attribute that alone is missing for the most items; of equals the one that most items lack.

    Parameters
    ----------
    undecided
        Which attributes some items lack, and how many they are.
    """
    alone: Counter[str] = Counter()
    lacked: Counter[str] = Counter()
    for names, n in undecided:
        for name in names:
            lacked[name] += n
            alone[name] += n * (len(names) == 1)
    known = load_attributes()
    best = min((name for name in lacked if name in known), key=lambda one: (-alone[one], -lacked[one], one), default="")
    return (known[best], alone[best]) if best else (None, 0)
