"""Pauses between tries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.process.retry import JITTER, Retry, pause_s

FIRST, LONGEST = st.floats(0.001, 10), st.floats(10, 3_600)
CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=80)


@given(FIRST, LONGEST, st.floats(0, 1), CHANCES)
def test_pauses_double_up_to_the_cap_and_chance_takes_off_a_part(
    first_s: float, longest_s: float, jitter: float, chances: list[float]
) -> None:
    rest = iter(chances)
    retry = Retry(first_s, longest_s, jitter=jitter, chance=lambda: next(rest))
    whole = first_s
    for chance in chances:
        pause = retry.failed()
        assert pause == pytest.approx(min(whole, longest_s) * (1 - jitter * chance))
        assert 0 <= pause <= longest_s
        whole *= 2


@given(FIRST, LONGEST, st.integers(1, 10**9))
def test_no_number_of_failures_makes_a_pause_too_long_or_too_short(
    first_s: float, longest_s: float, failures: int
) -> None:
    assert first_s <= pause_s(failures, first_s, longest_s) <= longest_s
    assert pause_s(failures, first_s, longest_s) <= pause_s(failures + 1, first_s, longest_s)


@given(FIRST, LONGEST, st.integers(1, 50))
def test_what_worked_begins_with_the_first_pause_again(first_s: float, longest_s: float, failures: int) -> None:
    waited: list[float] = []
    retry = Retry(first_s, longest_s, jitter=0, wait=waited.append)
    for _ in range(failures):
        retry.wait()
    retry.worked()
    retry.wait()
    assert len(waited) == failures + 1
    assert waited[0] == waited[-1] == first_s


def test_who_refuses_may_say_how_long_to_wait_and_the_pauses_grow_all_the_same() -> None:
    waited: list[float] = []
    retry = Retry(1, 60, jitter=0, wait=waited.append)
    retry.wait()
    retry.wait(0.0)
    retry.wait()
    assert waited == [1, 0, 4]


def test_those_who_failed_together_do_not_come_back_together() -> None:
    pauses = {Retry(5, 5).failed() for _ in range(20)}
    assert len(pauses) > 10
    assert max(pauses) - min(pauses) > 5 * JITTER / 4
