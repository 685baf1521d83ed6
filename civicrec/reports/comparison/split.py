"""Whether people came into the arms as they should have: if not, whatever differs between the arms says nothing."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import binomtest, chisquare

ALARM = 0.001
"""Below this the split counts as wrong: strict, as every report of every day asks."""

FEW = 25
"""People expected in an arm below which χ² alarms too often; two arms are then asked exactly (binomial)."""


def split_p(people: Sequence[int], shares: Sequence[float]) -> float:
    """Return how likely a split as uneven as this is if the shares are what they should be (χ², one look).

    Fabijan et al. (2019), *Diagnosing sample ratio mismatch in online controlled experiments*, KDD, has what it finds.

    Parameters
    ----------
    people
        Of each arm.
    shares
        Of each arm, above 0 and together 1.

    Returns
    -------
    float
        1 without people.

    Examples
    --------
    >>> split_p([500, 500], [0.5, 0.5])
    1.0
    """
    expected = [sum(people) * share for share in shares]
    if len(people) == 2 and min(expected) < FEW:
        return float(binomtest(people[0], sum(people), shares[0]).pvalue) if sum(people) else 1.0
    return float(chisquare(people, expected).pvalue)


def is_uneven(people: Sequence[int], shares: Sequence[float]) -> bool:
    """Say whether the arms may not be compared."""
    return split_p(people, shares) < ALARM
