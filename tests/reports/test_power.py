"""How many people a comparison takes: a textbook, a simulation, and what must grow with what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from civicrec.reports.comparison.discoveries import discoveries
from civicrec.reports.comparison.power import days_left, people_at_once, people_in_sequence
from civicrec.reports.comparison.proportions import Arm
from civicrec.reports.comparison.sequence import running_difference


def test_the_number_is_that_of_a_textbook() -> None:
    # Chow, Shao & Wang (2008), Sample Size Calculations in Clinical Research, 4.2: 65 % against 85 %, 70 in each arm.
    assert people_at_once(0.65, 0.5, 0.20 / 0.65) == 140


def test_so_many_people_find_the_lift_as_often_as_asked() -> None:
    rate, share, lift = 0.2, 0.1, 0.2
    people = people_in_sequence(rate, share, lift)
    held_out = round(people * share)
    rng, found = np.random.default_rng(9), 0
    for did, of_control in zip(
        rng.binomial(people - held_out, rate * (1 + lift), 2_000).tolist(),
        rng.binomial(held_out, rate, 2_000).tolist(),
        strict=True,
    ):
        seen = running_difference(Arm(did, people - held_out), Arm(of_control, held_out))
        found += seen is not None and seen.low > 0
    assert 0.77 <= found / 2_000 <= 0.83


@given(st.floats(0.01, 0.6), st.floats(0.02, 0.5), st.floats(0.02, 0.5))
def test_looking_every_day_takes_more_people(rate: float, share: float, lift: float) -> None:
    assert people_in_sequence(rate, share, lift) > people_at_once(rate, share, lift)
    assert people_in_sequence(rate, share, lift / 2) > people_in_sequence(rate, share, lift)


def test_days_left_are_those_in_which_the_people_come() -> None:
    assert days_left(1_000, people=400, a_day=100) == 6
    assert days_left(1_001, people=400, a_day=100) == 7
    assert days_left(400, people=400, a_day=100) == 0
    assert days_left(400, people=0, a_day=0) is None


@pytest.mark.parametrize("asked", [(0.0, 0.05, 0.1), (0.1, 1.0, 0.1), (0.1, 0.05, 0.0), (0.6, 0.05, 0.9)])
def test_impossible_questions_are_refused(asked: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidInput, match="expected a rate"):
        people_in_sequence(*asked)


def test_discoveries_are_those_of_the_paper() -> None:
    # Benjamini & Hochberg (1995), section 3.1: 15 p-values of a trial; 4 are found at 5 %, Bonferroni finds 3.
    p_values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590,
        1.0,
    ]  # fmt: skip
    assert discoveries(p_values) == [True] * 4 + [False] * 11
    assert discoveries([]) == []
