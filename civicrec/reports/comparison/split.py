"""Whether people came into the arms as they should have: if not, whatever differs between the arms says nothing."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import chisquare

ALARM = 0.001
"""Below this the split counts as wrong: strict, as every report of every day asks."""


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
    total = sum(people)
    return float(chisquare(people, [total * share for share in shares]).pvalue) if total else 1.0


def is_uneven(people: Sequence[int], shares: Sequence[float]) -> bool:
    """Say whether the arms may not be compared."""
    return split_p(people, shares) < ALARM
