"""Intervals of a difference and of a lift: published examples, what they must agree on, and how often they hold."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binomtest

from civicrec.errors import InvalidInput
from civicrec.reports.comparison.proportions import Arm, difference, lift


@pytest.mark.parametrize(
    ("arms", "bounds"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ],
)
def test_the_difference_is_as_published(arms: tuple[int, int, int, int], bounds: tuple[float, float]) -> None:
    # Newcombe (1998), Statistics in Medicine 17:873-890, table II, method 10, examples (a) to (h).
    found = difference(Arm(*arms[:2]), Arm(*arms[2:]))
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == bounds


counts = st.integers(1, 400).flatmap(lambda people: st.builds(Arm, st.integers(0, people), st.just(people)))


@given(counts, counts)
def test_the_lift_and_the_difference_agree(treated: Arm, control: Arm) -> None:
    absolute, relative = difference(treated, control), lift(treated, control)
    assert absolute is not None
    assert absolute.low <= absolute.value <= absolute.high
    if relative is None:
        assert control.did == 0
        return
    assert relative.low <= relative.value <= relative.high
    if min(abs(absolute.low), abs(absolute.high)) > 1e-9:
        assert absolute.excludes_zero == relative.excludes_zero


@given(counts, counts)
def test_the_other_way_round_the_difference_only_changes_its_sign(one: Arm, other: Arm) -> None:
    there, back = difference(one, other), difference(other, one)
    assert there is not None
    assert back is not None
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@pytest.mark.parametrize("arms", [(56, 70, 48, 80), (7, 34, 1, 34), (300, 9_500, 12, 500), (12, 500, 300, 9_500)])
def test_the_lift_is_the_ratio_at_which_the_difference_begins_to_hold_zero(arms: tuple[int, int, int, int]) -> None:
    # Another way to the same bounds: search the ratio r at which the MOVER interval of rate_1 - r·rate_2 touches 0.
    (did_1, n_1, did_2, n_2) = arms
    one, two = (binomtest(did, n).proportion_ci(method="wilson") for did, n in ((did_1, n_1), (did_2, n_2)))
    rate_1, rate_2 = did_1 / n_1, did_2 / n_2

    def low(r: float) -> float:
        return rate_1 - r * rate_2 - math.hypot(rate_1 - one.low, r * (two.high - rate_2))

    def high(r: float) -> float:
        return rate_1 - r * rate_2 + math.hypot(one.high - rate_1, r * (rate_2 - two.low))

    found = lift(Arm(did_1, n_1), Arm(did_2, n_2))
    assert found is not None
    assert found.low + 1 == pytest.approx(brentq(low, 1e-9, rate_1 / rate_2))
    assert found.high + 1 == pytest.approx(brentq(high, rate_1 / rate_2, 1e4))


def test_without_people_there_is_no_figure() -> None:
    assert difference(Arm(0, 0), Arm(1, 2)) is None
    assert lift(Arm(1, 2), Arm(0, 2)) is None
    assert Arm(0, 0).rate is None
    with pytest.raises(InvalidInput, match="got 3 of 2"):
        Arm(3, 2)


def coverage(rate: float, better: float, n: int, held_out: int, runs: int, seed: int) -> tuple[float, float]:
    """Return how often the two intervals hold the truth, for arms of `n` and `held_out` people."""
    rng = np.random.default_rng(seed)
    treated, control = rng.binomial(n, better, runs), rng.binomial(held_out, rate, runs)
    held = np.zeros(2)
    for did, did_not_get in zip(treated.tolist(), control.tolist(), strict=True):
        arms = Arm(did, n), Arm(did_not_get, held_out)
        absolute, relative = difference(*arms), lift(*arms)
        assert absolute is not None
        held[0] += absolute.low <= better - rate <= absolute.high
        held[1] += relative is None or relative.low <= better / rate - 1 <= relative.high
    return held[0] / runs, held[1] / runs


def test_a_known_lift_is_covered_as_often_as_the_interval_says() -> None:
    for share in coverage(0.10, 0.12, 19_000, 1_000, runs=4_000, seed=1):
        assert 0.93 <= share <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("gain", [-0.1, 0.0, 0.05, 0.2])
@pytest.mark.parametrize("people", [10_000, 200_000])
def test_many_known_lifts_are_covered(rate: float, gain: float, people: int) -> None:
    held_out = people // 20
    for share in coverage(rate, rate * (1 + gain), people - held_out, held_out, runs=20_000, seed=2):
        assert 0.93 <= share <= 0.97


def test_the_level_is_that_of_the_normal_distribution() -> None:
    arms = Arm(500, 5_000), Arm(400, 5_000)
    wide = difference(*arms, z=NormalDist().inv_cdf(0.995))
    narrow = difference(*arms)
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low < narrow.high < wide.high
