"""Decay: what an old weight is worth, and how to add weights of different ages without touching the old ones.

In: weights, ages and times. Out: weights. Pure.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

#: Where forward decay starts. Any fixed instant would do: only ratios of forward weights mean something.
LANDMARK_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)

_DAY_MS = 86_400_000
#: Beyond ±1000 half-lives a float cannot hold the weight; for the half-life of a week that is 19 years.
_MAX_HALVINGS = 1_000.0


def decayed(weight: float, age: timedelta, half_life: timedelta) -> float:
    """Weight left after `age`, halving once per `half_life`.

    Parameters
    ----------
    weight
        Weight at the last update, any sign, unitless.
    age
        Time since then; zero or more.
    half_life
        Time after which half is left; more than zero.

    Raises
    ------
    ValueError
        If `age` is negative (a late event must be folded at its own time instead), or `half_life` is not positive.

    Notes
    -----
    Up to rounding ``decayed(decayed(w, a), b)`` is ``decayed(w, a + b)``, so profiles may be folded lazily.

    Examples
    --------
    >>> decayed(8.0, timedelta(days=3), timedelta(days=1))
    1.0
    """
    if half_life <= timedelta(0):
        raise ValueError(f"half_life is {half_life}; expected more than zero")
    if age < timedelta(0):
        raise ValueError(f"age is {age}; expected zero or more: fold a late event at its own time")
    return float(weight * 2.0 ** -(age / half_life))


def forward_weight(at_ms: int, half_life_days: float) -> float:
    """Weight that a unit fact of time `at_ms` gets in a sum that is never rescaled.

    Old facts need not shrink if new ones grow (forward decay: Cormode et al. 2009, §3). Two sums compare rightly
    whenever they were made with the same half-life; divide by ``forward_weight(now)`` to read a sum in units of now.

    Parameters
    ----------
    at_ms
        Epoch milliseconds of the fact.
    half_life_days
        Days after which a fact counts half as much as a new one; more than zero.

    Examples
    --------
    >>> forward_weight(LANDMARK_MS + 7 * 86_400_000, 7.0)
    2.0
    """
    if half_life_days <= 0:
        raise ValueError(f"half_life_days is {half_life_days}; expected more than zero")
    halvings = (at_ms - LANDMARK_MS) / (_DAY_MS * half_life_days)
    return float(2.0 ** min(max(halvings, -_MAX_HALVINGS), _MAX_HALVINGS))
