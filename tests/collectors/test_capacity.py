"""The log keeps within its bound: what is acknowledged goes, what is not stays, and it says when it is full."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.ledger import Ledger
from civicrec.accounting.proofs import Held, Proofs
from civicrec.clock import to_ms
from civicrec.errors import Unavailable
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.settings import CollectorSettings, Settings
from collectors.dedup.seen import SeenIds
from collectors.limits import capacity as capacity_module
from collectors.limits.capacity import Capacity
from tests.builders import NOON, raw_event
from tests.collectors.conftest import Collector
from tests.running import wait_for

MB = 1024 * 1024


class World:
    """A capacity of one megabyte, with readers and a disk that a test moves."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.now, self.acknowledged, self.free = NOON, 0, 10 * MB
        self.log = MemoryEventLog(lambda: self.now)
        self.seen = SeenIds(folder, 1_000)
        collector = CollectorSettings(log_max_mb=1, **settings)
        self.capacity = Capacity(
            Settings(home=folder, min_free_disk_mb=5, collector=collector),
            self.log, self.seen, lambda: self.acknowledged, lambda: self.now, lambda: self.free,
        )  # fmt: skip

    def fill(self, n: int) -> None:
        """Add records of 10 kB, each with an id of its own."""
        for _ in range(n):
            number = self.log.append([Record("a", 1, b"x" * 10_240)])
            self.seen.add(number.to_bytes(16))
            self.seen.keep([number.to_bytes(16)], number, to_ms(self.now))

    def look(self, times: int = 1) -> str:
        for _ in range(times):
            asyncio.run(self.capacity.reclaim())
            self.seen.wait()
        return self.capacity.reason


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_within_the_bound_nothing_is_removed(world: World) -> None:
    world.fill(90)
    world.acknowledged = 90
    assert (world.look(), world.log.extent().first) == ("", 1)


def test_near_the_bound_space_is_reclaimed_before_anything_must_be_refused(world: World) -> None:
    world.fill(98)
    world.acknowledged = 98
    assert (world.look(times=2), world.log.extent().first > 10) == ("", True)


def test_bound_holds_when_a_reader_cannot_be_asked(world: World) -> None:
    world.fill(150)
    world.capacity._acknowledged = lambda: 1 // 0
    with pytest.raises(ZeroDivisionError):
        world.look()
    assert "not acknowledged" in world.capacity.reason


def test_disk_that_fills_between_two_looks_is_noticed_by_the_next_request(world: World) -> None:
    assert world.look() == ""
    world.capacity.check()
    world.free = 4 * MB
    time.sleep(0.03)
    with pytest.raises(Unavailable, match="4 MB free, 5 MB must stay"):
        world.capacity.check()
    world.free = 10 * MB
    assert world.look() == ""
    world.capacity.check()


def test_over_the_bound_the_oldest_acknowledged_go_and_their_ids_stay_known(world: World) -> None:
    world.fill(150)
    world.acknowledged = 120
    assert world.look(times=2) == ""
    extent = world.log.extent()
    assert 1 < extent.first <= 121
    assert extent.n_bytes <= MB
    again = SeenIds(world.seen._folder, 1_000)
    assert again.covered >= extent.first - 1
    trimmed = [number.to_bytes(16) for number in range(1, extent.first)]
    assert again.on_disk(again.suspects(trimmed)) == set(trimmed)
    again.close()


def test_what_no_run_holds_yet_is_not_removed(world: World) -> None:
    world.fill(150)
    world.acknowledged = 150
    world.seen.write_out = lambda: None  # type: ignore[method-assign]  # the disk takes no run
    assert "stream" in world.look(times=2)
    assert world.log.extent().first == 1


def test_over_the_bound_what_is_not_acknowledged_stays_and_the_collector_refuses_until_it_is(world: World) -> None:
    world.fill(150)
    assert "not acknowledged" in world.look(times=2)
    assert world.log.extent().first == 1
    world.acknowledged = 10
    assert "not acknowledged" in world.look(times=2)
    assert world.log.extent().first == 11
    world.acknowledged = 140
    assert world.look(times=2) == ""


def test_nearly_full_disk_stops_the_collector_and_it_takes_events_again(world: World) -> None:
    world.fill(50)
    world.free = 4 * MB
    assert "disk" in world.look()
    world.free = 6 * MB
    assert world.look() == ""
    assert world.log.extent().first == 1


def test_space_inside_a_large_log_is_none_on_a_full_disk(tmp_path: Path) -> None:
    free = [10 * MB]
    log = SqliteEventLog(tmp_path / "events.sqlite")
    for _ in range(30):
        log.append([Record("a", 1, b"x" * 100_000)])
    log.trim(29)
    assert log.extent().spare_bytes > 2 * MB
    seen = SeenIds(tmp_path / "ids", 1_000)
    settings = Settings(home=tmp_path, min_free_disk_mb=5, collector=CollectorSettings(log_max_mb=10))
    capacity = Capacity(settings, log, seen, lambda: 30, lambda: NOON, lambda: free[0])
    asyncio.run(capacity.reclaim())
    assert capacity.reason == ""
    free[0] = 4 * MB
    time.sleep(0.03)
    assert "4 MB free, 5 MB must stay" in capacity.refusal()
    asyncio.run(capacity.reclaim())
    assert log.extent().spare_bytes < 100_000
    wait_for(lambda: (tmp_path / "events.sqlite").stat().st_size < MB, 20, "space given back to the disk")
    log.close()


def test_a_log_of_an_older_version_gives_space_back_too(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    old = sqlite3.connect(path)
    old.execute("CREATE TABLE before (a)")  # the file is made, without the means to shrink by itself
    old.commit()
    old.close()
    log = SqliteEventLog(path)
    for _ in range(30):
        log.append([Record("a", 1, b"x" * 100_000)])
    log.trim(29)
    log.shrink()
    assert log.extent().spare_bytes < 100_000
    assert (log.head(), len(log.read(0, 30))) == (30, 1)
    wait_for(lambda: path.stat().st_size < MB, 20, "space given back to the disk")
    assert log.append([Record("a", 1, b"x")]) == 31
    log.close()


def test_old_acknowledged_records_go_even_if_there_is_space(world: World) -> None:
    world.fill(3)
    world.now += timedelta(days=6)
    world.fill(3)
    world.now += timedelta(days=1, seconds=1)
    world.acknowledged = 2
    world.look()
    assert world.log.extent().first == 3
    world.acknowledged = 6
    world.look()
    assert world.log.extent().first == 4


def test_records_are_kept_as_long_as_their_ids_must_be_known(tmp_path: Path) -> None:
    world = World(tmp_path, log_keep_days=0.01, dedup_hours=48)
    world.fill(3)
    world.acknowledged = 3
    world.now += timedelta(hours=47)
    world.look()
    assert world.log.extent().first == 1


def test_full_log_is_503_with_a_time_to_come_back_and_not_ready_and_heals(
    collecting: Callable[..., Collector], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity_module, "_SHORTEST_S", 0.01)
    log = MemoryEventLog()
    collector = collecting(log, collector=CollectorSettings(log_max_mb=1))
    log.append([Record("a", 1, b"x" * 2 * MB), Record("a", 1, b"[]")])
    before = log.tally()

    def until(ready: int) -> dict[str, str]:
        for _ in range(500):
            answer = collector.get("/readyz")
            if answer.status_code == ready:
                return answer.json()  # type: ignore[no-any-return]
            collector._runner.run(asyncio.sleep(0.01))
        raise AssertionError(f"/readyz never answered {ready}")

    assert "see that the stream runs" in until(503)["detail"]
    refused = collector.request("POST", json={"events": [raw_event()]})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "nothing was accepted" in refused.json()["detail"]
    assert log.tally() == before
    ledger = Ledger(collector.settings.stream_path)
    ledger.commit(ledger.plan(1), stored=1, rejected={})
    for _ in range(10):
        collector._runner.run(asyncio.sleep(0.01))
        assert collector.get("/readyz").status_code == 503  # committed, and not yet counted in the warehouse
    Proofs(ledger).add(1, Held({"202601": 1}))
    ledger.close()
    collector._app._seen.keep([bytes(16)], 2, to_ms(NOON))  # as if these records had come as events
    assert until(200) == {"status": "ok"}
    assert collector.send(raw_event())["accepted"] == 1
