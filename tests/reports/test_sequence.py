"""Intervals and p-values that hold at every look: simulated experiments that are looked at every day."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from civicrec.reports.comparison.proportions import Arm, Estimate, difference
from civicrec.reports.comparison.sequence import MIN_DID, halfwidth, running_difference, running_p

Looks = list[tuple[Arm, Arm]]
DAYS = 60


def experiments(rates: tuple[float, float], share: float, daily: int, runs: int, seed: int) -> list[Looks]:
    """Return what each experiment had at the end of each day: the recommended, and the share of held out."""
    rng = np.random.default_rng(seed)
    people = rng.poisson(daily, (runs, DAYS))
    held_out = rng.binomial(people, share)
    treated = people - held_out
    counted = [rng.binomial(treated, rates[0]), treated, rng.binomial(held_out, rates[1]), held_out]
    sums = np.stack([part.cumsum(axis=1) for part in counted], axis=2).tolist()
    return [[(Arm(a, n), Arm(b, m)) for a, n, b, m in days] for days in sums]


def ever(alarms: Callable[[Arm, Arm], bool], found: list[Looks]) -> float:
    return sum(any(alarms(*look) for look in looks) for looks in found) / len(found)


def excludes(interval: Callable[[Arm, Arm], Estimate | None], truth: float, *arms: Arm) -> bool:
    seen = interval(*arms)
    return seen is not None and not seen.low <= truth <= seen.high


def test_equals_looked_at_every_day_raise_few_alarms() -> None:
    found = experiments((0.1, 0.1), 0.05, 500, runs=2_000, seed=3)
    assert ever(partial(excludes, running_difference, 0.0), found) <= 0.05
    assert ever(lambda *arms: running_p(*arms) <= 0.05, found) <= 0.05
    # The interval for one look alarms several times as often: the experiments are able to show it.
    assert ever(partial(excludes, difference, 0.0), found) > 0.15


def test_a_true_difference_is_held_at_every_look_and_found() -> None:
    found = experiments((0.30, 0.20), 0.05, 500, runs=400, seed=4)
    assert ever(partial(excludes, running_difference, 0.1), found) <= 0.05
    assert ever(partial(excludes, running_difference, 0.0), found) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.5])
@pytest.mark.parametrize("daily", [100, 1_000, 20_000])
def test_equals_of_any_kind_raise_few_alarms(rate: float, share: float, daily: int) -> None:
    found = experiments((rate, rate), share, daily, runs=2_000, seed=5)
    assert ever(partial(excludes, running_difference, 0.0), found) <= 0.05


def test_the_width_is_that_of_the_paper() -> None:
    # Waudby-Smith et al. (2024), equation (3): sigma·sqrt(2(n rho²+1)/(n² rho²)·log(sqrt(n rho²+1)/alpha)).
    n, sigma, alpha = 5_000, 0.4, 0.05
    rho = math.sqrt((-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / 20_000)
    expected = sigma * math.sqrt(2 * (n * rho**2 + 1) / (n**2 * rho**2) * math.log(math.sqrt(n * rho**2 + 1) / alpha))
    assert halfwidth(sigma / math.sqrt(n), n) == pytest.approx(expected)


def test_it_is_narrowest_against_one_look_where_it_says() -> None:
    ratios = {people: halfwidth(1.0, people) for people in range(2_000, 60_001, 500)}
    assert 15_000 <= min(ratios, key=ratios.__getitem__) <= 25_000


def test_the_p_value_and_the_interval_agree() -> None:
    for looks in experiments((0.13, 0.1), 0.2, 300, runs=50, seed=6):
        for arms in looks:
            seen = running_difference(*arms)
            assert (seen is not None and seen.excludes_zero) == (running_p(*arms) < 0.05)


def test_nothing_is_said_of_a_handful() -> None:
    few, many = Arm(MIN_DID - 1, 500), Arm(100, 500)
    assert running_difference(many, few) is None
    assert running_difference(many, Arm(500 - MIN_DID + 1, 500)) is None
    assert running_p(many, few) == 1.0
    assert running_difference(many, Arm(MIN_DID, 500)) is not None
