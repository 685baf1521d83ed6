"""An interval that holds at every look, for reports that are opened every day until they say something."""

from __future__ import annotations

import math

from civicrec.reports.comparison.proportions import Arm, Estimate

ALPHA = 0.05
"""Share of comparisons of equals in which the interval may ever miss."""

TIGHTEST_AT = 20_000
"""People of both arms together at which the interval is narrowest against one for a single look."""

MIN_DID = 10
"""Who did and who did not in either arm before anything is said: the interval is exact only as the counts grow."""


def halfwidth(standard_error: float, people: float, alpha: float = ALPHA) -> float:
    """Return half the width of the asymptotic confidence sequence of a mean.

    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), *Time-uniform central limit theory and asymptotic confidence
    sequences*, Annals of Statistics 52:2613–2640, the Gaussian mixture of theorem 2.2, in units of the standard error:
    with a variance σ² of one person and n people it is σ·sqrt(2(nρ²+1)/(n²ρ²) · log(sqrt(nρ²+1)/α)).

    Parameters
    ----------
    standard_error
        Of the mean, σ/√n.
    people
        n; the two arms of a difference together.
    """
    grown = people * _rho_squared(alpha)
    return standard_error * math.sqrt(2 * (grown + 1) / grown * math.log(math.sqrt(grown + 1) / alpha))


def running_difference(treated: Arm, control: Arm, alpha: float = ALPHA) -> Estimate | None:
    """Return the difference of two rates with an interval that may be looked at after each person.

    It holds for people who come one after the other and each count once, with an outcome that no longer changes.

    Returns
    -------
    Estimate or None
        ``None`` while fewer than `MIN_DID` people did it, or did not, in an arm.
    """
    if min(treated.did, control.did, treated.people - treated.did, control.people - control.did) < MIN_DID:
        return None
    value = treated.did / treated.people - control.did / control.people
    half = halfwidth(standard_error(treated, control), treated.people + control.people, alpha)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))


def running_p(treated: Arm, control: Arm) -> float:
    """Return the smallest level at which `running_difference` excludes 0: a p-value valid at every look, 1 before.

    The mixture is that of `ALPHA` at every level, so this is its closed form.
    """
    if running_difference(treated, control) is None:
        return 1.0
    value = treated.did / treated.people - control.did / control.people
    grown = (treated.people + control.people) * _rho_squared(ALPHA)
    z = value / standard_error(treated, control)
    return min(1.0, math.sqrt(grown + 1) * math.exp(-z * z * grown / (2 * (grown + 1))))


def standard_error(treated: Arm, control: Arm) -> float:
    """Return that of the difference, with one more in each arm who did it and one who did not (Agresti & Caffo 2000).

    Without them a small arm in which few did it by chance has too small an error, and alarms too often.
    """
    return math.sqrt(sum(_variance(arm.did + 1, arm.people + 2) for arm in (treated, control)))


def _variance(did: int, people: int) -> float:
    return did / people * (1 - did / people) / people


def _rho_squared(alpha: float) -> float:
    """Return the width of the mixture that is tightest at `TIGHTEST_AT` people (appendix B.2 of the paper)."""
    return (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / TIGHTEST_AT
