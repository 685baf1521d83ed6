"""Whether two items share more readers than chance has it: what 看过…的人也常看 needs to be worth saying."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from civicrec.crowds import K_ANONYMITY

#: People who interacted with both: fewer, and it would tell of one of them.
MIN_ACTORS = K_ANONYMITY
#: How many times as many as by chance there must be even if luck added two standard errors (√n of n people): what
#: everybody reads goes with everything, at about 1.
MIN_LIFT = 1.5
_ERRORS = 2.0


def is_above_chance(actors: NDArray[np.int32], by_chance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of each pair whether enough people stand behind it, and well more than by chance.

    Examples
    --------
    Of 100 people where chance has 50, 80 are sure: 1.6 times as many. Of 12 where chance has 6, 5 are.

    >>> is_above_chance(np.array([100, 12, 12, 9], np.int32), np.array([50.0, 6.0, 3.0, 0.1])).tolist()
    [True, False, True, False]
    """
    sure = actors - _ERRORS * np.sqrt(actors)
    above: NDArray[np.bool_] = (actors >= MIN_ACTORS) & (sure >= MIN_LIFT * by_chance)
    return above
