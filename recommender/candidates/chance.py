"""Whether two items share more readers than chance has it: what 看过…的人也常看 needs to be worth saying."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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


def times_of_chance(catalogue: Catalogue, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return of each pair of rows by how much chance counts: `SAME_DAYS` for news of three days, 1 for all else."""
    apart_ms = np.abs(catalogue.published_ms[rows].astype(np.float64) - catalogue.published_ms[others])
    is_near = (catalogue.types[rows] == _NEWS) & (catalogue.types[others] == _NEWS) & (apart_ms <= _NEAR_MS)
    return np.where(is_near, SAME_DAYS, 1.0)


def is_above_chance(actors: NDArray[np.int32], by_chance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of each pair whether enough people stand behind it, and well more than by chance.

    Examples
    --------
    Of 100 people where chance has 40, 80 are sure: twice as many. Of 12, 5 are.

    >>> is_above_chance(np.array([100, 12, 12, 9], np.int32), np.array([40.0, 6.0, 2.0, 0.1])).tolist()
    [True, False, True, False]
    """
    sure = actors - _ERRORS * np.sqrt(actors)
    above: NDArray[np.bool_] = (actors >= MIN_ACTORS) & (sure >= MIN_LIFT * by_chance)
    return above
