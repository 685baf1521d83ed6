"""Whether two items share more readers than chance has it: what 看过…的人也常看 needs to be worth saying."""

from __future__ import annotations

from math import sqrt

from civicrec.crowds import K_ANONYMITY
from civicrec.items import ITEM_TYPES
from recommender.catalogue import Catalogue

#: People who interacted with both: fewer, and it would tell of one of them.
MIN_ACTORS = K_ANONYMITY
#: How many times as many as by chance there must be even if luck added two standard errors (√n of n people): what
#: everybody reads goes with everything, at about 1.
MIN_LIFT = 2.0
_ERRORS = 2.0
#: News of the same days are read together by whoever comes on those days: chance counts so many times.
SAME_DAYS = 2.0
_NEAR_MS = 3 * 86_400_000
_NEWS = ITEM_TYPES.index("news")


def times_of_chance(catalogue: Catalogue, row: int, other: int) -> float:
    """Return by how much chance counts for a pair of rows: `SAME_DAYS` for news of three days, 1 for all else."""
    types, published_ms = catalogue.types, catalogue.published_ms
    if types[row] != _NEWS or types[other] != _NEWS:
        return 1.0
    return SAME_DAYS if abs(int(published_ms[row]) - int(published_ms[other])) <= _NEAR_MS else 1.0


def is_above_chance(actors: int, by_chance: float) -> bool:
    """Say whether enough people stand behind a pair, and well more than by chance.

    Examples
    --------
    Of 100 people where chance has 40, 80 are sure: twice as many. Of 12, 5 are.

    >>> [is_above_chance(actors, chance) for actors, chance in [(100, 40.0), (12, 6.0), (12, 2.0), (9, 0.1)]]
    [True, False, True, False]
    """
    return actors >= MIN_ACTORS and actors - _ERRORS * sqrt(actors) >= MIN_LIFT * by_chance
