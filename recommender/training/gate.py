"""The gate: whether a night's models may be in force. Pure: hits on held-out clicks in, a `Gate` out.

A run is refused only where it loses clearly: where the whole interval of the difference lies beyond the margin. With
few clicks an interval is wide, and a run that is no worse must not be refused by chance: models that stand still lose
too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from recommender.manifest import Gate
from recommender.training.bootstrap import SAMPLES, interval_95

#: A loss of so much is none: a share of the clicks.
MARGIN = 0.005
#: With fewer clicks only a broken model would show, and that is refused by its numbers (`artifacts`).
MIN_CLICKS = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of one method minus mean of another on the same clicks, and its 95 % interval over visitors."""

    mean: float
    low: float
    high: float

    @property
    def is_clear_loss(self) -> bool:
        """Whether all of the interval is worse than the margin."""
        return self.high < -MARGIN


def difference(one: ArrayLike, other: ArrayLike, samples: int = SAMPLES) -> Difference:
    """Return the difference of two methods, by a paired bootstrap over visitors.

    Parameters
    ----------
    one, other
        (n,) for each visitor what the method found of what was hidden, 0..1; the same visitors in the same order.
    """
    gaps = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    if not len(gaps):
        return Difference(0.0, 0.0, 0.0)
    return Difference(float(gaps.mean()), *interval_95(gaps, samples=samples))


def judge(hits: Mapping[str, ArrayLike], new: str, earlier: str, singles: Collection[str]) -> Gate:
    """Decide whether the new models may be in force.

    Parameters
    ----------
    hits
        Method → (n,) what it found for each visitor, 0..1; all of the same visitors.
    new, earlier
        Methods that stand for the new run and for the run in force; without the latter in `hits` the run is published.
    singles
        Methods that are one model alone; the best of them is compared with.

    Returns
    -------
    Gate
        Refused if the new run clearly loses to the earlier one; or if it clearly loses to the best single method and
        the earlier one does not. Where both lose to it, the earlier one would be no better.
    """
    shares = {name: np.asarray(one, np.float64) for name, one in hits.items()}
    n = len(shares[new])
    means = {name: round(float(one.mean()), 4) if n else 0.0 for name, one in shares.items()}
    if earlier not in shares:
        return Gate("published", "no earlier run to compare with", n, means)
    if n < MIN_CLICKS:
        return Gate("published", f"too few new clicks to compare runs: {n} of {MIN_CLICKS}", n, means)
    against = {earlier: difference(shares[new], shares[earlier])}
    best = max((name for name in singles if name in shares), key=lambda name: means[name], default="")
    if best:
        against[best] = difference(shares[new], shares[best])
    gaps = {name: (round(one.mean, 4), round(one.low, 4), round(one.high, 4)) for name, one in against.items()}
    if against[earlier].is_clear_loss:
        return Gate("refused", f"finds clearly less than {earlier}", n, means, gaps)
    if best and against[best].is_clear_loss and not difference(shares[earlier], shares[best]).is_clear_loss:
        return Gate("refused", f"finds clearly less than {best} alone, which {earlier} does not", n, means, gaps)
    return Gate("published", "loses to nothing clearly", n, means, gaps)
