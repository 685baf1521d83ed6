"""A stream whose online store is full or broken goes on to the warehouse, and has the store rebuilt afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.accounting.progress import Partition, commits_of
from civicrec.errors import Unavailable
from profiles.online.ports import OnlineFault, OnlineUpdate
from streaming.embedded import Driver
from streaming.online_gap import OnlineGap
from streaming.repair.rebuild import Done
from streaming.sinks import Stores
from tests.streaming.test_embedded import behaviour
from tests.streaming.world import FixedRegistry, World, a_world

PATIENCE_S = 10.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_short_fault_is_waited_out() -> None:
    clock = Clock()
    gap = OnlineGap(PATIENCE_S, clock)
    assert not gap.failed("full")
    clock.now += PATIENCE_S - 1
    assert not gap.failed("full")
    gap.worked()
    clock.now += 5
    assert not gap.failed("full")
    assert gap.may_try


def test_a_long_fault_leaves_the_store_out_until_it_works_again() -> None:
    clock = Clock()
    gap = OnlineGap(PATIENCE_S, clock)
    gap.failed("full")
    clock.now += PATIENCE_S
    assert gap.failed("full: 13 MB")
    assert (gap.is_open, gap.reason, gap.may_try) == (True, "full: 13 MB", False)
    gap.worked()
    assert (gap.is_open, gap.reason, gap.may_try) == (False, "", True)


@given(waits=st.lists(st.floats(0, 300), max_size=40))
def test_a_store_that_stays_broken_is_tried_again_and_again_but_not_all_the_time(waits: list[float]) -> None:
    clock = Clock()
    gap = OnlineGap(0, clock)
    gap.failed("broken")
    tries = 0
    for wait in waits:
        clock.now += wait
        if gap.may_try:
            tries += 1
            gap.failed("broken")
            assert not gap.may_try
    assert tries <= clock.now / 5
    clock.now += 60
    assert gap.may_try


class Full:
    """An online store whose writes fail while it is full."""

    def __init__(self, online: Any) -> None:
        self._online = online
        self.is_full = False
        self.is_away = False

    def __getattr__(self, name: str) -> Any:
        if self.is_away or (self.is_full and name in ("apply", "set_complete")):
            raise OnlineFault("the online store is full")
        return getattr(self._online, name)


@contextmanager
def a_stream(folder: Path) -> Iterator[tuple[World, Full, Driver, list[Done]]]:
    with a_world(folder, max_batch_events=20) as world:
        online, restored = Full(world.online), []

        def restore(done: Done) -> None:
            restored.append(done)
            online.clear()
            for log, progress in done.progress.items():
                assert all(online.apply(commit, OnlineUpdate()) for commit in commits_of(log, progress))
            online.set_complete(True)

        stores = Stores(world.warehouse, online, FixedRegistry(), world.dead_letters)
        driver = Driver(world.log, world.ledger, stores, world.driver._settings, restore)
        driver.gap = driver._batch.gap = OnlineGap(PATIENCE_S, clock := Clock())
        driver.clock = clock  # type: ignore[attr-defined]
        yield world, online, driver, restored
        driver.close()


def drained(driver: Driver) -> int:
    n = 0
    while step := driver.step():
        n += step
    return n


@pytest.mark.parametrize("how", ["is_full", "is_away"])
def test_the_warehouse_goes_on_without_a_broken_store_and_the_books_stay_exact(how: str, tmp_path: Path) -> None:
    events = behaviour(120)
    with a_stream(tmp_path) as (world, online, driver, restored):
        world.send(events[:40])
        assert drained(driver) == 40
        setattr(online, how, True)
        world.send(events[40:80])
        with pytest.raises(Unavailable):
            driver.step()
        assert len({str(row["event_id"]) for row in world.events}) < 80
        driver.clock.now += PATIENCE_S
        with suppress(Unavailable):
            driver.step()
        assert driver.gap.is_open
        drained(driver)
        world.send(events[80:100])
        drained(driver)
        assert driver.backlog() == 0
        assert world.ledger.totals().stored == 100 == len({str(row["event_id"]) for row in world.events})
        n_restored = len(restored)
        driver.clock.now += 5
        drained(driver)  # it is tried, and still broken
        assert driver.gap.is_open
        setattr(online, how, False)
        driver.clock.now += 60
        world.send(events[100:])
        drained(driver)
        assert not driver.gap.is_open
        assert restored[-1].progress[world.log.name].stored == 100
        assert len(restored) > n_restored
        assert online.is_complete()
        assert online.progress(world.log.name).at(Partition()) == world.ledger.committed() == world.log.head()
        assert world.ledger.totals().stored == 120


def test_a_store_that_lost_the_end_of_its_file_is_rebuilt_though_it_says_it_is_complete(tmp_path: Path) -> None:
    with a_stream(tmp_path) as (world, online, driver, restored):
        world.send(behaviour(40))
        drained(driver)
        n_restored = len(restored)
        for _ in range(3):
            driver.step()
        assert len(restored) == n_restored  # nothing is missing
        before = online.progress(world.log.name).at(Partition())
        online._online._progress[world.log.name].reached[Partition()] = before - 1
        driver.step()
        assert len(restored) == n_restored + 1
        assert online.progress(world.log.name).at(Partition()) == before
