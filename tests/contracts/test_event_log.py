"""What every event log must do, run on the one in memory and the one on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.clock import Clock, to_ms, utc_now
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import EventLog, LogRecord, Record
from civicrec.eventlog.sqlite import SqliteEventLog

MAKERS: dict[str, Callable[[Path, Clock], EventLog]] = {
    "memory": lambda folder, clock: MemoryEventLog(clock),
    "sqlite": lambda folder, clock: SqliteEventLog(folder / "events.sqlite", clock=clock),
}


@pytest.fixture(params=sorted(MAKERS))
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    made = MAKERS[request.param](tmp_path, utc_now)
    yield made
    if isinstance(made, SqliteEventLog):
        made.close()


def a_record(n: int, n_events: int = 1) -> Record:
    return Record(f"actor-{n}", n_events, b"[%d]" % n)


def test_empty_log_has_no_head_no_records_no_events(log: EventLog) -> None:
    assert (log.head(), log.read(0, 10), log.count_events()) == (0, [], 0)


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_no_two_logs_share_a_name_and_a_log_on_disk_keeps_its_own(kind: str, tmp_path: Path) -> None:
    names: list[str] = []
    for folder in (tmp_path / "one", tmp_path / "one", tmp_path / "other"):
        made = MAKERS[kind](folder, utc_now)
        names += [made.name, made.name]
        if isinstance(made, SqliteEventLog):
            made.close()
    assert names[::2] == names[1::2]
    assert names[0] != names[4]
    assert (names[0] == names[2]) == (kind == "sqlite")


def test_offsets_grow_from_one_over_appends(log: EventLog) -> None:
    assert log.append([a_record(1), a_record(2)]) == 2
    assert log.append([a_record(3)]) == 3
    assert log.head() == 3


def test_read_returns_the_half_open_range_in_order(log: EventLog) -> None:
    log.append([a_record(n) for n in range(1, 6)])
    assert log.read(1, 3) == [LogRecord(2, a_record(2)), LogRecord(3, a_record(3))]
    assert [record.offset for record in log.read(0, 99)] == [1, 2, 3, 4, 5]
    assert log.read(5, 5) == log.read(7, 3) == []


def test_events_are_counted_behind_any_offset(log: EventLog) -> None:
    log.append([a_record(n, n_events=n) for n in (1, 2, 3)])
    assert [log.count_events(after) for after in (0, 1, 2, 3, 4)] == [6, 5, 3, 0, 0]


def test_counters_add_up_and_accepted_counts_itself(log: EventLog) -> None:
    log.append([a_record(1, n_events=4)], {("received", ""): 5, ("rejected", "bad_time"): 1})
    log.append([], {("received", ""): 2, ("rejected", "bad_time"): 1, ("rejected", "bad_json"): 1})
    assert dict(log.tally().counts) == {
        ("received", ""): 7, ("accepted", ""): 4, ("rejected", "bad_time"): 2, ("rejected", "bad_json"): 1,
    }  # fmt: skip


def test_a_tally_is_of_one_moment_while_another_thread_appends(log: EventLog) -> None:
    log.append([a_record(0)])
    writer = Thread(target=lambda: [log.append([a_record(n, n_events=3)]) for n in range(200)])
    writer.start()
    while writer.is_alive():
        tally = log.tally(after=1)
        assert tally.events_after == (tally.head - 1) * 3 == tally.counts["accepted", ""] - 1
    writer.join()
    assert log.tally(after=1).events_after == 600


@pytest.mark.parametrize("kind", sorted(MAKERS))
@given(appends=st.lists(st.lists(st.integers(1, 9), max_size=4), max_size=6), after=st.integers(0, 30))
def test_any_split_into_appends_gives_the_same_log(
    kind: str, appends: list[list[int]], after: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = MAKERS[kind](tmp_path_factory.mktemp("log"), utc_now)
    for sizes in appends:
        log.append([a_record(size, size) for size in sizes])
    flat = [size for sizes in appends for size in sizes]
    assert [record.record.n_events for record in log.read(0, len(flat))] == flat
    assert log.head() == len(flat)
    assert log.count_events(after) == sum(flat[after:])
    if isinstance(log, SqliteEventLog):
        log.close()


def test_trimmed_records_are_gone_oldest_first_and_the_rest_stays_as_it_was(log: EventLog) -> None:
    log.append([a_record(n, n_events=n) for n in range(1, 7)])
    assert (log.trim(4, limit=3), log.trim(4, limit=3), log.trim(4, limit=3)) == (3, 1, 0)
    assert log.read(0, 99) == [LogRecord(5, a_record(5, 5)), LogRecord(6, a_record(6, 6))]
    assert log.read(2, 5) == [LogRecord(5, a_record(5, 5))]
    tally = log.tally(after=5)
    assert (tally.first, tally.head, tally.events_after, tally.counts["accepted", ""]) == (5, 6, 6, 21)
    assert (log.count_events(), log.count_events(4)) == (21, 11)


def test_newest_record_is_never_trimmed_and_no_offset_comes_twice(log: EventLog) -> None:
    assert log.trim(5) == 0
    log.append([a_record(1), a_record(2)])
    assert (log.trim(99), log.trim(99)) == (1, 0)
    assert (log.extent().first, log.head(), log.append([a_record(3)])) == (2, 2, 3)
    assert [found.offset for found in log.read(0, 9)] == [2, 3]


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_only_records_older_than_asked_are_trimmed(kind: str, tmp_path: Path) -> None:
    now = utc_now()
    log = MAKERS[kind](tmp_path, lambda: now)
    begin = now
    for hours in (0, 1, -5, 2):  # the clock jumps back in between
        now = begin + timedelta(hours=hours)
        log.append([a_record(hours)])
    assert log.trim(99, before_ms=to_ms(begin + timedelta(hours=1))) == 1
    assert log.trim(99, before_ms=to_ms(begin + timedelta(hours=3))) == 2
    if isinstance(log, SqliteEventLog):
        log.close()


def test_extent_tells_the_space_records_take_and_trimming_gives_it_back_for_others(log: EventLog) -> None:
    assert (log.extent().first, log.extent().head) == (1, 0)
    log.append([Record("a", 1, b"x" * 10_000) for _ in range(100)])
    full = log.extent()
    assert full.n_bytes >= 1_000_000
    while log.trim(90):
        pass
    less = log.extent()
    assert less.n_bytes < 200_000
    log.append([Record("a", 1, b"x" * 10_000) for _ in range(80)])
    again = log.extent()
    assert again.n_bytes + again.spare_bytes <= full.n_bytes + full.spare_bytes + 50_000


def test_a_log_trimmed_while_another_thread_appends_keeps_all_behind_the_mark(log: EventLog) -> None:
    def write() -> None:
        for n in range(300):
            log.append([a_record(n, n_events=2)])

    writer = Thread(target=write)
    writer.start()
    while writer.is_alive():
        log.trim(log.head() - 10, limit=20)
        tally = log.tally(after=log.head())
        assert tally.events_after <= 2 * (tally.head - tally.first + 1)
    writer.join()
    tally = log.tally()
    assert (tally.head, tally.events_after, tally.counts["accepted", ""]) == (300, 600, 600)
    kept = [found.offset for found in log.read(0, 999)]
    assert kept == list(range(tally.first, 301))
