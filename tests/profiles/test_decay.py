import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.decay import LANDMARK_MS, decayed, forward_weight

DAY_MS = 86_400_000
_ages = st.timedeltas(timedelta(0), timedelta(days=400))
_half_lives = st.timedeltas(timedelta(hours=1), timedelta(days=365))
_weights = st.floats(-1e6, 1e6)


@given(weight=_weights, half_life=_half_lives)
def test_half_is_left_after_a_half_life(weight: float, half_life: timedelta) -> None:
    assert decayed(weight, half_life, half_life) == weight / 2
    assert decayed(weight, timedelta(0), half_life) == weight


@given(weight=_weights, one=_ages, other=_ages, half_life=st.timedeltas(timedelta(days=7), timedelta(days=365)))
def test_decaying_twice_is_decaying_once_for_the_whole_time(
    weight: float, one: timedelta, other: timedelta, half_life: timedelta
) -> None:
    twice = decayed(decayed(weight, one, half_life), other, half_life)
    assert math.isclose(twice, decayed(weight, one + other, half_life), rel_tol=1e-9, abs_tol=1e-12)


@given(weight=st.floats(0.001, 1e6), one=_ages, other=_ages)
def test_older_never_weighs_more(weight: float, one: timedelta, other: timedelta) -> None:
    young, old = sorted([one, other])
    assert decayed(weight, old, timedelta(days=14)) <= decayed(weight, young, timedelta(days=14))


@pytest.mark.parametrize(("age", "half_life"), [(-1, 1), (1, 0), (1, -1)])
def test_a_negative_age_or_no_half_life_is_refused(age: int, half_life: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        decayed(1.0, timedelta(days=age), timedelta(days=half_life))


@given(at=st.integers(LANDMARK_MS, LANDMARK_MS + 3650 * DAY_MS), later=st.integers(0, 365 * DAY_MS))
def test_forward_and_backward_decay_agree(at: int, later: int) -> None:
    ratio = forward_weight(at, 7.0) / forward_weight(at + later, 7.0)
    assert math.isclose(ratio, decayed(1.0, timedelta(milliseconds=later), timedelta(days=7)), rel_tol=1e-6)


@given(at=st.integers(-(2**45), 2**45))
def test_no_time_makes_a_weight_that_is_not_a_number(at: int) -> None:
    assert 0 < forward_weight(at, 7.0) < math.inf
