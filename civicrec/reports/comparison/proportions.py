"""Two proportions: the difference and the relative lift, with intervals for a reader who looks once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from civicrec.errors import InvalidInput
from civicrec.reports.ratios import Z_95, share, wilson


@dataclass(frozen=True, slots=True)
class Arm:
    """One group: of how many people, how many did it.

    Raises
    ------
    InvalidInput
        If more did it than there are, or either is below 0.
    """

    did: int
    people: int

    def __post_init__(self) -> None:
        if not 0 <= self.did <= self.people:
            raise InvalidInput(f"got {self.did} of {self.people} people; expected 0 ≤ those who did it ≤ people")

    @property
    def rate(self) -> float | None:
        """Share of the people who did it, ``None`` without people."""
        return share(self.did, self.people)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and the bounds it has; a bound may be infinite."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside of the bounds."""
        return self.low > 0 or self.high < 0


def difference(treated: Arm, control: Arm, z: float = Z_95) -> Estimate | None:
    """Return the rate of the treated less that of the control, with Newcombe's hybrid score interval.

    Method 10 of Newcombe (1998), *Interval estimation for the difference between independent proportions*, Statistics
    in Medicine 17:873–890: the Wilson bounds of each rate, put together. It needs no continuity and stays in -1..1.

    Returns
    -------
    Estimate or None
        ``None`` if an arm has no people.

    Examples
    --------
    >>> found = difference(Arm(56, 70), Arm(48, 80))
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    bounds = wilson(treated.did, treated.people, z), wilson(control.did, control.people, z)
    if bounds[0] is None or bounds[1] is None:
        return None
    (low_1, high_1), (low_2, high_2) = bounds[0], bounds[1]
    rate_1, rate_2 = treated.did / treated.people, control.did / control.people
    value = rate_1 - rate_2
    low = value - math.hypot(rate_1 - low_1, high_2 - rate_2)
    high = value + math.hypot(high_1 - rate_1, rate_2 - low_2)
    return Estimate(value, max(-1.0, low), min(1.0, high))


def lift(treated: Arm, control: Arm, z: float = Z_95) -> Estimate | None:
    """Return by what share the rate of the treated is above that of the control, with the MOVER-R interval.

    Donner & Zou (2012), *Closed-form confidence intervals for functions of the normal mean and standard deviation*,
    Statistical Methods in Medical Research 21:347–359, over Wilson bounds. It asks for which ratio the interval of
    `difference` begins to hold 0, so the two never disagree on whether anything was gained.

    Returns
    -------
    Estimate or None
        0.1 for a tenth more. ``None`` if an arm has no people or nobody of the control did it.
    """
    bounds = wilson(treated.did, treated.people, z), wilson(control.did, control.people, z)
    if bounds[0] is None or bounds[1] is None or control.did == 0:
        return None
    (low_1, high_1), (low_2, high_2) = bounds[0], bounds[1]
    rate_1, rate_2 = treated.did / treated.people, control.did / control.people
    product = rate_1 * rate_2
    # Each bound is a root of divisor·x² - 2·product·x + c, written so that a divisor of about 0 does no harm.
    c_low, divisor_low = low_1 * (2 * rate_1 - low_1), high_2 * (2 * rate_2 - high_2)
    c_high, divisor_high = high_1 * (2 * rate_1 - high_1), low_2 * (2 * rate_2 - low_2)
    low = c_low / (product + math.sqrt(max(0.0, product**2 - c_low * divisor_low))) if c_low else 0.0
    high = (product + math.sqrt(max(0.0, product**2 - c_high * divisor_high))) / divisor_high
    return Estimate(rate_1 / rate_2 - 1, low - 1, high - 1)
