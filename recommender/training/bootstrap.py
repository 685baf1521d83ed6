"""Bootstrap: how sure a mean is. Visitors are drawn, each with all that was measured of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

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
    sums, sizes = np.bincount(numbers, measured), np.bincount(numbers)
    rng = np.random.default_rng(_SEED)
    means = []
    for _ in range(samples):
        drawn = rng.integers(0, len(sums), len(sums), dtype=np.int32)
        means.append(sums[drawn].sum() / sizes[drawn].sum())
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
