"""Spans: a kept value is at every moment what would be worked out then."""

from hypothesis import given
from hypothesis import strategies as st

from recommender.spans import Span, value_at

TIMES = st.lists(st.integers(-50, 50), max_size=8)


@given(TIMES, TIMES, st.lists(st.integers(-60, 60), min_size=1))
def test_what_is_kept_is_what_would_be_worked_out(one: list[int], other: list[int], moments: list[int]) -> None:
    def value(now_ms: int) -> tuple[int, int]:
        return sum(at <= now_ms for at in one), sum(at <= now_ms for at in other)

    kept: dict[str, Span[tuple[int, int]]] = {}
    for now_ms in moments:
        found = value_at(kept, "key", now_ms, lambda at=now_ms: Span.between(value(at), (one, other), at))
        assert found == value(now_ms)


@given(TIMES, st.integers(-60, 60))
def test_it_is_kept_as_long_as_nothing_changes(times: list[int], now_ms: int) -> None:
    span = Span.between("value", (times,), now_ms)
    inside = [at for at in range(-70, 71) if span.since_ms <= at < span.until_ms]
    assert now_ms in inside
    assert not any(inside[0] < at <= inside[-1] for at in times)
