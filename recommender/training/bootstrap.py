"""Bootstrap: how sure a figure is. Visitors are drawn, each with all that was measured of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Draws: more move the bounds by less than what is told apart.
SAMPLES = 1_000
#: The same values give the same interval.
_SEED = 20260102


def interval_95(values: ArrayLike, visitors: ArrayLike | None = None, samples: int = SAMPLES) -> tuple[float, float]:
    """Return the 95 % interval of a mean.

    Parameters
    ----------
    values
        (n,) at least one.
    visitors
        (n,) of whom each value is; each is somebody else's if not given.
    """
    measured = np.asarray(values, np.float64)
    numbers = np.arange(len(measured)) if visitors is None else np.unique(visitors, return_inverse=True)[1]
    sums = np.stack([np.bincount(numbers, measured), np.bincount(numbers)], axis=1).astype(np.float64)
    low, high = intervals_95(sums, lambda total: total[:1] / total[1], samples)[0]
    return float(low), float(high)


def intervals_95(
    sums: NDArray[np.float64],
    figures: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    samples: int = SAMPLES,
) -> NDArray[np.float64]:
    """Return (figures, 2): the 95 % interval of each figure that is made from sums over visitors.

    Parameters
    ----------
    sums
        (visitors, m) what was measured of each, at least one visitor.
    figures
        Makes the figures from (m,) the sums of those who are drawn.
    """
    rng = np.random.default_rng(_SEED)
    drawn = [figures(sums[rng.integers(0, len(sums), len(sums), dtype=np.int32)].sum(axis=0)) for _ in range(samples)]
    return np.quantile(np.array(drawn), (0.025, 0.975), axis=0).T
