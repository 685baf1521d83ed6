"""How many people a comparison takes, and in how many days they come."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.stats import norm

from civicrec.errors import InvalidInput
from civicrec.reports.comparison.sequence import ALPHA, halfwidth

POWER = 0.8
"""How often the lift that is worth knowing is found, with as many people as are asked for."""

WORTH_KNOWING = 0.1
"""The relative lift a comparison should find: smaller ones change no decision."""

MAX_PEOPLE = 10**10


def people_at_once(rate: float, share: float, lift: float = WORTH_KNOWING, power: float = POWER) -> int:
    """Return how many people both arms need together if they are looked at once, then.

    Parameters
    ----------
    rate
        Of the control, above 0 and below 1.
    share
        Of the people who are in the control, above 0 and below 1.
    lift
        By what share of its rate the other arm is above the control, not 0.

    Raises
    ------
    InvalidInput
        If one of them is outside of its bounds, or the rate of the other arm would be.
    """
    _check(rate, share, lift)
    z = float(norm.ppf(1 - ALPHA / 2) + norm.ppf(power))
    return math.ceil((z * _error_of_one(rate, share, lift) / (rate * lift)) ** 2)


def people_in_sequence(rate: float, share: float, lift: float = WORTH_KNOWING, power: float = POWER) -> int:
    """Return how many both arms need together until the interval that holds at every look excludes 0.

    As `people_at_once`, which it is above: who may look every day waits longer. At most `MAX_PEOPLE`.
    """
    _check(rate, share, lift)
    of_one, z = _error_of_one(rate, share, lift), float(norm.ppf(power))

    def is_enough(people: int) -> bool:
        error = of_one / math.sqrt(people)
        return halfwidth(error, people) + z * error <= abs(rate * lift)

    return _first(is_enough)


def days_left(people_needed: int, people: int, a_day: float) -> int | None:
    """Return in how many days the people come that are still needed, if so many come a day; ``None`` if none do."""
    if people >= people_needed:
        return 0
    return math.ceil((people_needed - people) / a_day) if a_day > 0 else None


def _error_of_one(rate: float, share: float, lift: float) -> float:
    """Return the standard error of the difference times the root of all people."""
    other = rate * (1 + lift)
    return math.sqrt(rate * (1 - rate) / share + other * (1 - other) / (1 - share))


def _first(is_enough: Callable[[int], bool]) -> int:
    low, high = 1, MAX_PEOPLE  # the width falls with every person from the first on
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return low


def _check(rate: float, share: float, lift: float) -> None:
    if not (0 < rate < 1 and 0 < share < 1 and lift != 0 and 0 <= rate * (1 + lift) <= 1):
        raise InvalidInput(
            f"got rate={rate}, share={share}, lift={lift}; expected a rate and a share above 0 and below 1, and a lift "
            "that is not 0 and leaves the rate between 0 and 1"
        )
