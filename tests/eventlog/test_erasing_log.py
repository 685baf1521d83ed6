"""A person is erased from the file of the event log while a collector writes it: no byte stays, no place moves."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from civicrec.erasure import Person
from civicrec.eventlog.erasing import ERASED_KEY, ERASED_VALUE, LogRecords
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog

ME, OTHER = Person("demo", "5" * 31 + "a", ("browser-0001",)), Person("demo", "6" * 32)


def record(actor: str, n: int, size: int = 100) -> Record:
    return Record(actor, n, f'[{{"subject_id":"{actor}","pad":"{actor * (size // len(actor))}"}}]'.encode())


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_records_keep_their_place_and_number_and_lose_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    with closing(SqliteEventLog(path)) as log:
        for round_ in range(40):  # small records beside large ones, which SQLite keeps in pages of their own
            log.append(
                [record(ME.actors[round_ % 2], 3, 20_000 if round_ % 5 == 0 else 100), record(OTHER.subject_id, 2)]
            )
        tally = log.tally(10)
        store = LogRecords(path)
        assert store.count(ME) == 40
        assert [b'"subject_id"' in value for value in store.values(ME)] == [True] * 40
        for _ in range(2):
            store.erase(ME)
        assert store.count(ME) == 0
        assert log.tally(10) == tally
        left = {one.offset: one.record for one in log.read(0, log.head())}
        assert [left[offset] for offset in range(1, 81, 2)] == [Record(ERASED_KEY, 3, ERASED_VALUE)] * 40
        assert [left[offset] for offset in range(2, 81, 2)] == [record(OTHER.subject_id, 2)] * 40
        log.append([record(OTHER.subject_id, 1)])
        assert not [name for name in ME.actors if name.encode() in bytes_of(tmp_path)]
        assert OTHER.subject_id.encode() in bytes_of(tmp_path)


def test_what_was_trimmed_before_leaves_the_file_too(tmp_path: Path) -> None:
    with closing(SqliteEventLog(tmp_path / "events.sqlite")) as log:
        log.append([record(ME.subject_id, 1, 60_000) for _ in range(20)])
        log.append([record(OTHER.subject_id, 1)])
        log.trim(20)
        assert LogRecords(tmp_path / "events.sqlite").count(ME) == 0
        LogRecords(tmp_path / "events.sqlite").erase(ME)
        assert ME.subject_id.encode() not in bytes_of(tmp_path)


def test_a_log_that_is_not_there_holds_nobody(tmp_path: Path) -> None:
    store = LogRecords(tmp_path / "events.sqlite")
    store.erase(ME)
    assert store.count(ME) == 0
    assert list(tmp_path.iterdir()) == []
