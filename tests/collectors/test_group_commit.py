"""Many requests, one fsync: nobody is answered early, nothing is kept twice, a fault loses no answer."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import LogCounts, Record
from civicrec.events import Event, load
from collectors import commit as commit_module
from collectors.commit import Busy, GroupCommit
from collectors.dedup.seen import SeenIds
from tests.builders import an_event


class HeldLog(MemoryEventLog):
    """A log whose appends are counted, and which fails as often as it is told to."""

    def __init__(self, faults: int = 0) -> None:
        super().__init__()
        self.appends = 0
        self.faults = faults

    def append(self, records: Sequence[Record], counts: LogCounts | None = None) -> int:
        self.appends += 1
        if self.faults:
            self.faults -= 1
            raise Unavailable("disk full")
        return super().append(records, counts)

    def events(self) -> list[Event]:
        return [event for record in self.read(0, self.head()) for event in load(record.record.value)[0]]


def run(log: MemoryEventLog, work: Any, window: int = 8) -> Any:
    async def main(folder: str) -> Any:
        seen = SeenIds(Path(folder), window)
        commit = GroupCommit(log, seen, 0.001)
        writer = asyncio.create_task(commit.run())
        try:
            return await work(commit)
        finally:
            commit.close()
            await writer
            seen.close()

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(main(folder))


def put(commit: GroupCommit, *numbers: int, actor: str = "a") -> Coroutine[Any, Any, int]:
    events = [an_event(n=n, anonymous_id=actor) for n in numbers]
    return commit.put(events, Counter({("received", ""): len(events)}))


def test_requests_that_come_together_share_an_append() -> None:
    log = HeldLog()
    run(log, lambda commit: asyncio.gather(*(put(commit, n) for n in range(50))))
    assert log.appends < 10
    assert log.tally().counts == {("received", ""): 50, ("accepted", ""): 50}


def test_one_record_holds_one_actors_events_of_one_request() -> None:
    log = HeldLog()
    events = [an_event(n=n, anonymous_id=actor) for n, actor in enumerate("abab")]
    run(log, lambda commit: commit.put(events, Counter()))
    assert [(found.record.key, found.record.n_events) for found in log.read(0, 9)] == [("a", 2), ("b", 2)]
    assert log.events() == [events[0], events[2], events[1], events[3]]


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=8))
def test_an_id_is_kept_once_however_often_and_wherever_it_is_sent(requests: list[list[int]]) -> None:
    log = HeldLog()
    duplicates = run(log, lambda commit: asyncio.gather(*(put(commit, *numbers) for numbers in requests)))
    sent = [n for numbers in requests for n in numbers]
    assert sorted(event.event_id for event in log.events()) == sorted(an_event(n=n).event_id for n in set(sent))
    assert sum(duplicates) == len(sent) - len(set(sent)) == log.tally().counts.get(("duplicate", ""), 0)


def test_fault_is_told_to_every_request_and_a_retry_is_kept() -> None:
    log = HeldLog(faults=1)

    async def work(commit: GroupCommit) -> list[Any]:
        first = await asyncio.gather(put(commit, 1), put(commit, 2), return_exceptions=True)
        assert (commit.fault, commit.totals) == ("disk full", Counter())
        again = await asyncio.gather(put(commit, 1), put(commit, 2))
        assert commit.fault == ""
        return [*map(type, first), *again]

    assert run(log, work) == [Unavailable, Unavailable, 0, 0]
    assert log.tally().counts == {("received", ""): 2, ("accepted", ""): 2}


def test_fault_of_long_ago_is_not_held_against_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(commit: GroupCommit) -> tuple[str, str]:
        with pytest.raises(Unavailable):
            await put(commit, 1)
        now = commit.fault
        monkeypatch.setattr(commit_module, "monotonic_s", lambda: monotonic_s() + 11)
        return now, commit.fault

    assert run(HeldLog(faults=1), work) == ("disk full", "")


def test_event_that_cannot_be_written_down_fails_its_group_and_not_the_writer() -> None:
    async def work(commit: GroupCommit) -> int:
        with pytest.raises((OverflowError, ValueError, TypeError)):
            await commit.put([an_event(n=1, props={"x": object()})], Counter())
        return await put(commit, 1)

    assert run(HeldLog(), work) == 0


def test_a_fault_in_remembering_ids_ends_nothing_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    async def work(commit: GroupCommit) -> int:
        first = await commit.put([an_event(n=1)], Counter())
        await asyncio.sleep(0.01)
        return first + await commit.put([an_event(n=2)], Counter())

    monkeypatch.setattr(SeenIds, "keep", fail)
    log = HeldLog()
    assert run(log, work) == 0
    assert len(log.events()) == 2


def test_too_much_waiting_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_module, "MAX_WAITING", 10)

    async def work(commit: GroupCommit) -> list[Any]:
        puts = (put(commit, *range(n * 4, n * 4 + 4)) for n in range(4))
        return await asyncio.gather(*puts, return_exceptions=True)

    assert [type(answer) for answer in run(HeldLog(), work)] == [int, int, Busy, Busy]


def test_a_site_that_floods_leaves_capacity_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_module, "MAX_WAITING", 100)

    async def work(commit: GroupCommit) -> list[Any]:
        sites = ["loud"] * 90 + ["louder"] * 90 + ["quiet"] * 10
        puts = (commit.put([an_event(n=n)], Counter(), site) for n, site in enumerate(sites))
        answers = await asyncio.gather(*puts, return_exceptions=True)
        return [
            sum(answers[n] == 0 for n, of in enumerate(sites) if of == site) for site in ("loud", "louder", "quiet")
        ]

    assert run(HeldLog(), work) == [50, 25, 10]


def test_capacity_is_there_again_once_a_group_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_module, "MAX_WAITING", 2)

    async def work(commit: GroupCommit) -> list[int]:
        return [await commit.put([an_event(n=n)], Counter(), "gz") for n in range(5)]

    assert run(HeldLog(), work) == [0] * 5


def test_what_waits_at_closing_is_still_kept() -> None:
    log = HeldLog()

    async def work(commit: GroupCommit) -> list[asyncio.Task[int]]:
        tasks = [asyncio.create_task(put(commit, n)) for n in range(5)]
        await asyncio.sleep(0)
        return tasks

    run(log, work)
    assert len(log.events()) == 5
