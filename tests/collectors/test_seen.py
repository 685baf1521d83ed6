"""An id is known for a day: whatever its version, through restarts, in little memory, on a disk that fails."""

from __future__ import annotations

import asyncio
import random
import tempfile
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.clock import to_ms
from civicrec.errors import Unavailable
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import Record
from civicrec.events import Event, dump, load
from collectors.commit import GroupCommit
from collectors.dedup import runs as runs_module
from collectors.dedup.runs import Runs, open_runs, write_run
from collectors.dedup.seen import SeenIds, warm
from tests.builders import NOON, an_event, uuid7

WINDOW = 8
POOL: list[UUID] = [
    *(uuid7(NOON + timedelta(minutes=n), n) for n in range(20)),
    *(uuid7(NOON + timedelta(days=n - 3), n) for n in range(6)),  # clocks that are days ahead or behind
    *(UUID(int=random.Random(n).getrandbits(128), version=4) for n in range(6)),
    *(UUID(int=random.Random(n).getrandbits(128), version=1) for n in range(3)),
    UUID(int=0), UUID(int=2**128 - 1), UUID(int=7 << 76), UUID("01980000-0000-7000-8000-000000000000"),
]  # fmt: skip


def with_id(event_id: UUID) -> Event:
    return msgspec.structs.replace(an_event(), event_id=event_id)


@dataclass
class World:
    """A writer on a log, that is killed and started again, beside a plain dict of when each id was kept."""

    folder: Path
    now: datetime = NOON
    faults: int = 0
    kept: dict[UUID, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        world = self

        class Log(MemoryEventLog):
            def append(self, *of: Any) -> int:
                if world.faults:
                    world.faults -= 1
                    raise Unavailable("disk full")
                return super().append(*of)

        self.log = Log(lambda: self.now)

    async def start(self) -> None:
        self.seen = SeenIds(self.folder, WINDOW)
        warm(self.seen, self.log, to_ms(self.now))
        self.commit = GroupCommit(self.log, self.seen, 0, lambda: self.now)
        self.writer = asyncio.create_task(self.commit.run())

    async def stop(self) -> None:
        self.commit.close()
        await self.writer
        self.seen.close()

    async def crash_before_the_run_was_named(self) -> None:
        """As a kill would leave it, if what the run holds is still in the log."""
        await self.stop()
        written = open_runs(self.folder)
        if written and written[-1].first >= self.log.extent().first - 1:
            written[-1].path.rename(written[-1].path.with_suffix(".unfinished"))
        await self.start()

    async def send(self, numbers: list[int]) -> None:
        ids = [POOL[n] for n in numbers]
        day = timedelta(hours=24)
        must = sum(self.now - self.kept[i] <= day if i in self.kept else False for i in set(ids))
        may = sum(i in self.kept for i in set(ids))
        repeated = len(ids) - len(set(ids))
        head = self.log.head()
        try:
            duplicates = await self.commit.put([with_id(i) for i in ids], Counter())
        except Unavailable:
            assert self.log.head() == head
            return
        assert must + repeated <= duplicates <= may + repeated
        new = [
            event.event_id for found in self.log.read(head, self.log.head()) for event in load(found.record.value)[0]
        ]
        assert len(new) == len(ids) - duplicates
        for event_id in new:
            assert event_id not in self.kept or self.now - self.kept[event_id] > day
            self.kept[event_id] = self.now

    def trim(self) -> None:
        self.log.trim(self.seen.covered)


NUMBERS = st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=6)
STEPS = st.one_of(
    st.tuples(st.just("send"), NUMBERS),
    st.tuples(st.just("send"), NUMBERS),
    st.tuples(st.just("fail"), NUMBERS),
    st.tuples(st.sampled_from(["restart", "crash", "trim", "tend", "write_out"]), st.just(None)),
    st.tuples(st.just("hours"), st.sampled_from([0.5, 12.0, 23.0, 25.0])),
)


@settings(max_examples=100)
@given(st.lists(STEPS, max_size=40))
def test_an_id_is_kept_once_in_a_day_whatever_happens_in_between(steps: list[tuple[str, Any]]) -> None:
    async def live(folder: Path) -> None:
        world = World(folder)
        await world.start()
        for step, what in steps:
            if step in ("send", "fail"):
                world.faults = int(step == "fail")
                await world.send(what)
            elif step == "restart":
                await world.stop()
                await world.start()
            elif step == "crash":
                await world.crash_before_the_run_was_named()
            elif step == "trim":
                world.trim()
            elif step == "tend":
                world.seen.tend(to_ms(world.now))
            elif step == "write_out":
                world.seen.write_out()
            else:
                world.now += timedelta(hours=what)
        await world.stop()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder)))


def one(number: int) -> bytes:
    return number.to_bytes(16)


def take(seen: SeenIds, ids: list[bytes], last: int, at: datetime = NOON) -> int:
    """What the writer does with a group; return how many were new."""
    fresh = [event_id for event_id in ids if seen.add(event_id)]
    old = seen.on_disk(seen.suspects(fresh))
    seen.forget(old)
    seen.keep([event_id for event_id in fresh if event_id not in old], last, to_ms(at))
    return len(fresh) - len(old)


@pytest.mark.parametrize("version", [4, 7])
def test_memory_stays_within_the_window_however_many_ids_come(tmp_path: Path, version: int) -> None:
    rng, window = random.Random(version), 4_000
    seen = SeenIds(tmp_path, window)
    tracemalloc.start()
    for group in range(100):
        at = NOON + timedelta(minutes=group)
        ids = [
            (uuid7(at, group * 500 + n) if version == 7 else UUID(int=rng.getrandbits(128), version=4)).bytes
            for n in range(500)
        ]
        assert take(seen, ids, group + 1, at) == 500
        assert take(seen, rng.sample(ids, 50), group + 1, at) == 0
        seen.wait()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 50 000 ids in sets would take over 5 MB; the window of 4 000 may take 100 bytes each, and as much again while a
    # run is sorted and written.
    assert peak < 2 * 100 * window + 500_000  # the filter is not Python's: 23 MB whatever comes
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) >= 16 * 46_000
    seen.close()


@pytest.mark.parametrize("version", [4, 7])
def test_new_ids_are_rarely_looked_for_on_disk_and_known_ones_always(tmp_path: Path, version: int) -> None:
    rng, seen = random.Random(version), SeenIds(tmp_path, 100)
    known: list[bytes] = []
    for group in range(60):
        at = NOON + timedelta(minutes=group)
        ids = [
            (uuid7(at, group * 20 + n) if version == 7 else UUID(int=rng.getrandbits(128), version=4)).bytes
            for n in range(20)
        ]
        assert len(seen.suspects(ids)) <= 1
        take(seen, ids, group + 1, at)
        seen.wait()
        known += ids
    assert set(seen.suspects(known[:800])) == seen.on_disk(known[:800]) == set(known[:800])
    seen.close()


def test_after_a_start_all_ids_are_looked_for_until_the_filter_knows_the_runs(tmp_path: Path) -> None:
    write_run(tmp_path, one(5), 0, 1, to_ms(NOON))
    runs = Runs(1_000)
    (opened,) = open_runs(tmp_path)
    runs.add([opened], filtered=False)
    assert runs.may_hold([one(4), one(5)]) == [one(4), one(5)]
    runs.filter_run(opened)
    assert runs.may_hold([one(4), one(5)]) == [one(5)]


def test_filter_forgets_after_a_day_and_not_before(tmp_path: Path) -> None:
    runs, day = Runs(keep_ms=1_000), 1_000
    runs.expire(0)
    for n in range(4):  # a run a day, of the last of its moments
        now = n * (day + 1)
        runs.add([write_run(tmp_path, one(n), n, n + 1, now + day)])
        runs.filter([one(n)])
        runs.expire(now + day)
        known = [one(k) for k in range(n + 1)]
        assert runs.may_hold([one(n)]) == [one(n)]
        runs.expire(now + day + 1)
        assert one(n) in runs.may_hold(known)
    assert one(0) not in runs.may_hold(known)
    assert len(runs) == 1


def test_runs_older_than_a_day_are_removed_and_younger_ones_stay_even_if_the_clock_jumps_back(tmp_path: Path) -> None:
    seen = SeenIds(tmp_path, 4)
    for hours, n in ((0, 0), (10, 2), (20, 4), (21, 6)):
        take(seen, [one(n), one(n + 1)], n + 1, NOON + timedelta(hours=hours))
        seen.wait()
    seen.tend(to_ms(NOON + timedelta(hours=25)))
    assert [take(seen, [one(n)], 9, NOON + timedelta(hours=25)) for n in (0, 2, 4, 6)] == [1, 0, 0, 0]
    seen.tend(to_ms(NOON - timedelta(hours=1)))
    assert take(seen, [one(n) for n in range(2, 6)], 9, NOON - timedelta(hours=1)) == 0
    seen.close()


def await_writing(seen: SeenIds) -> None:
    """Until the disk has taken the run or refused it."""
    if seen._writing:
        seen._writing.exception(timeout=10)


def test_disk_that_takes_no_run_is_a_fault_within_bounded_memory_and_heals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.dedup.seen._FIRST_PAUSE_S", 0.0)
    folder = tmp_path / "ids"
    folder.write_text("a file where a folder should be")
    seen, taken = SeenIds(folder, 8), 0
    while not seen.fault:
        taken += take(seen, [one(taken), one(taken + 1)], taken)
        await_writing(seen)
        assert taken <= 16
    assert "cannot be written" in seen.fault
    assert take(seen, [one(n) for n in range(taken)], taken) == 0
    folder.unlink()
    for _ in range(3):
        seen.tend(to_ms(NOON))
        await_writing(seen)
    assert seen.fault == ""
    assert take(seen, [one(n) for n in range(taken)], taken) == 0
    assert open_runs(folder) != []
    seen.close()


@pytest.mark.parametrize("block", [1, 3, 512])
@given(ids=st.sets(st.binary(min_size=16, max_size=16), min_size=1, max_size=60),
       others=st.sets(st.binary(min_size=16, max_size=16), max_size=60))  # fmt: skip
def test_a_run_holds_what_was_written_and_nothing_else(block: int, ids: set[bytes], others: set[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs_module, "_BLOCK", block)
        written = write_run(Path(folder), b"".join(ids), 3, 9, 77)
        (opened,) = open_runs(Path(folder))
        assert (opened.first, opened.last, opened.newest_ms) == (3, 9, 77)
        assert opened.block_starts.tolist() == written.block_starts.tolist()
        runs = Runs(1_000)
        runs.add([opened])
        assert runs.find([*ids, *others]) == ids


def test_a_damaged_run_and_an_unfinished_one_are_passed_over(tmp_path: Path) -> None:
    write_run(tmp_path, one(5), 0, 1, 77)
    (tmp_path / "0000000000000001-0000000000000002-77.ids").write_bytes(b"torn")
    (tmp_path / "0000000000000002-0000000000000003-77.unfinished").write_bytes(b"half")
    assert [run.last for run in open_runs(tmp_path)] == [1]
    assert not list(tmp_path.glob("*.unfinished"))


def test_log_tells_the_ids_that_no_run_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.dedup.seen._BLOCK", 3)
    log = MemoryEventLog()
    log.append([Record("a", 2, dump([an_event(n=n), an_event(n=n + 100)])) for n in range(10)])
    seen = SeenIds(tmp_path, 12)
    assert warm(seen, log, to_ms(NOON)) == 20
    seen.close()
    again = SeenIds(tmp_path, 12)
    assert again.covered > 0
    assert warm(again, log, to_ms(NOON)) == 20 - 2 * again.covered or again.covered == 10
    assert take(again, [an_event(n=n).event_id.bytes for n in range(10)], 10) == 0
    again.close()
    empty = SeenIds(tmp_path / "other", 12)
    assert warm(empty, MemoryEventLog(), to_ms(NOON)) == 0
    empty.close()
