"""How many people one item fits, of those who said something of themselves; a number of few is not told.

In: an item and what each person said. Out: a count of each verdict, `None` where fewer than ten stand behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from civicrec.crowds import K_ANONYMITY
from civicrec.items import Item
from profiles.rules.attributes import Attributes
from profiles.rules.language import holds
from recommender.match import conditions_of


@dataclass(frozen=True, slots=True)
class Fitting:
    """People whom an item fits, does not fit, and of whom it is not known; there is no sum to tell a hidden one by."""

    fits: int | None
    does_not_fit: int | None
    not_known: int | None


def count_fitting(item: Item, people: Iterable[Attributes]) -> Fitting:
    """Count the people of each verdict; all conditions of the item must hold."""
    rules = [one.rule for one in conditions_of(item)]
    counts: Counter[bool | None] = Counter()
    for attributes in people:
        verdicts = {holds(rule, attributes) for rule in rules}
        counts[False if False in verdicts else None if None in verdicts else True] += 1
    shown = (counts[verdict] if counts[verdict] >= K_ANONYMITY else None for verdict in (True, False, None))
    return Fitting(*shown)
