"""Trends against a plain sum over single clicks, each decayed from its own time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalogue import Catalogue
from recommender.trends import HALF_LIVES, TrendWindows
from tests.recommender.worlds import NOW, an_item

BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
N = 4
_HOUR = timedelta(hours=1)


def hour_of(at: datetime) -> int:
    return int(at.timestamp()) // 3600


def bucket_of(clicks: Counter[int]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(list(clicks), np.int64), np.array(list(clicks.values()), np.float64)


def plain(clicks: list[tuple[datetime, int]], now: datetime) -> dict[int, float]:
    def left(row: int, half_life: float) -> float:
        return sum(0.5 ** ((now - at) / _HOUR / half_life) for at, of in clicks if of == row)

    return {row: sum(share * log2(1 + left(row, half_life)) for half_life, share in HALF_LIVES) for row in range(N)}


@given(st.lists(st.tuples(st.integers(0, 3 * 3600), st.integers(0, N - 1)), max_size=60))
def test_buckets_looked_at_each_second_give_the_sum_of_single_clicks(drawn: list[tuple[int, int]]) -> None:
    windows, buckets, clicks = TrendWindows(), dict[int, Counter[int]](), []
    for second, row in sorted(drawn):
        at = BEGIN + timedelta(seconds=second)
        clicks.append((at, row))
        buckets.setdefault(hour_of(at), Counter())  # a look just before: the hour has begun, and is empty
        windows.take({hour_of(at): bucket_of(buckets[hour_of(at)])}, N, at)
        buckets[hour_of(at)][row] += 1
        windows.take({hour: bucket_of(bucket) for hour, bucket in buckets.items()}, N, at)
    now = BEGIN + 4 * _HOUR
    windows.take({}, N, now)
    trends = windows.trends()
    weights = dict(zip(trends.rows.tolist(), trends.weights.tolist(), strict=True))
    expected = plain(clicks, now)
    assert {row: weights.get(row, 0.0) for row in range(N)} == pytest.approx(expected, abs=1e-6)
    assert trends.weights.tolist() == sorted(weights.values(), reverse=True)


def test_a_look_that_brings_nothing_new_changes_nothing_but_time() -> None:
    once, often = TrendWindows(), TrendWindows()
    bucket = {hour_of(BEGIN): bucket_of(Counter({0: 5, 1: 2}))}
    for windows, looks in ((once, 1), (often, 30)):
        for look in range(looks):
            windows.take(bucket, N, BEGIN + timedelta(minutes=look))
        windows.take({}, N, BEGIN + _HOUR)
    assert often.trends().weights.tolist() == pytest.approx(once.trends().weights.tolist())


def test_a_store_that_was_wiped_and_rebuilt_counts_nothing_twice() -> None:
    windows, hour = TrendWindows(), hour_of(BEGIN)
    for clicks in (Counter({0: 9}), Counter[int](), Counter({0: 4}), Counter({0: 9})):
        windows.take({hour: bucket_of(clicks)}, N, BEGIN + timedelta(minutes=30))
    kept = TrendWindows()
    kept.take({hour: bucket_of(Counter({0: 9}))}, N, BEGIN + timedelta(minutes=30))
    assert windows.trends().weights.tolist() == kept.trends().weights.tolist()


def test_a_bucket_of_the_past_counts_from_its_middle() -> None:
    windows = TrendWindows()
    windows.take({hour_of(BEGIN): bucket_of(Counter({2: 8}))}, N, BEGIN + 3 * _HOUR)
    expected = plain([(BEGIN + _HOUR / 2, 2)] * 8, BEGIN + 3 * _HOUR)[2]
    assert windows.trends().weights.tolist() == pytest.approx([expected])


def test_minutes_tell_apart_what_one_hour_holds() -> None:
    windows, hour = TrendWindows(), hour_of(BEGIN)
    windows.take({hour: bucket_of(Counter({0: 6}))}, N, BEGIN + timedelta(minutes=2))
    windows.take({hour: bucket_of(Counter({0: 6, 1: 5}))}, N, BEGIN + timedelta(minutes=50))
    assert windows.trends().rows.tolist() == [1, 0]


def test_what_no_crowd_clicked_is_left_out_and_a_grown_catalogue_keeps_its_sums() -> None:
    windows = TrendWindows()
    windows.take({hour_of(BEGIN): bucket_of(Counter({0: 6, 1: 5}))}, N, BEGIN)
    windows.take({}, N + 3, BEGIN)
    assert windows.trends(np.array([1, N + 2])).rows.tolist() == [1]


def test_a_crowd_known_from_the_last_look_is_told_of_like_a_new_one_and_only_while_it_is_one() -> None:
    class Store:
        crowd = frozenset({"i1", "i2"})

        def trends(self, hours: Sequence[int]) -> dict[int, dict[str, float]]:
            return {hour_of(NOW): {"i0": 9.0, "i1": 5.0, "i2": 3.0, "late": 8.0}}

        def crowded(self, since_hour: int) -> frozenset[str]:
            return self.crowd

    windows, store, catalogue = TrendWindows(), Store(), Catalogue.of([an_item(f"i{n}") for n in range(3)])
    assert windows.read(store, 2, catalogue, NOW).rows.tolist() == [1, 2]
    store.crowd = frozenset({"i0", "i2", "late"})
    assert windows.read(store, 2, catalogue, NOW).rows.tolist() == [0, 2]
    grown = catalogue.refreshed(2, [an_item("late")])
    assert set(windows.read(store, 2, grown, NOW).rows.tolist()) == {0, 2, 3}
