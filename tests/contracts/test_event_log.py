"""What every event log must do, run on the one in memory and the one on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import EventLog, LogRecord, Record
from civicrec.eventlog.sqlite import SqliteEventLog

MAKERS: dict[str, Callable[[Path], EventLog]] = {
    "memory": lambda folder: MemoryEventLog(),
    "sqlite": lambda folder: SqliteEventLog(folder / "events.sqlite"),
}


@pytest.fixture(params=sorted(MAKERS))
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    made = MAKERS[request.param](tmp_path)
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
        made = MAKERS[kind](folder)
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
    log = MAKERS[kind](tmp_path_factory.mktemp("log"))
    for sizes in appends:
        log.append([a_record(size, size) for size in sizes])
    flat = [size for sizes in appends for size in sizes]
    assert [record.record.n_events for record in log.read(0, len(flat))] == flat
    assert log.head() == len(flat)
    assert log.count_events(after) == sum(flat[after:])
    if isinstance(log, SqliteEventLog):
        log.close()
