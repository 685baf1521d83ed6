"""What only a log on disk has to stand: other processes, reopening, a full disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from civicrec.errors import Unavailable
from civicrec.eventlog import sqlite
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog

ONE = Record("a", 2, b"[1,2]")


def test_reader_waits_for_a_writer_to_make_the_file(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"events\.sqlite"):
        SqliteEventLog(tmp_path / "events.sqlite", readonly=True)
    assert not (tmp_path / "events.sqlite").exists()


def test_reader_sees_what_the_writer_commits_and_cannot_write(tmp_path: Path) -> None:
    writer = SqliteEventLog(tmp_path / "events.sqlite")
    reader = SqliteEventLog(tmp_path / "events.sqlite", readonly=True)
    writer.append([ONE])
    assert reader.head() == 1
    writer.append([ONE], {("duplicate", ""): 3})
    assert (reader.head(), reader.count_events(1), reader.tally().counts["duplicate", ""]) == (2, 2, 3)
    with pytest.raises(Unavailable):
        reader.append([ONE])
    reader.close()
    writer.close()


def test_log_is_there_after_reopening_and_offsets_go_on(tmp_path: Path) -> None:
    first = SqliteEventLog(tmp_path / "events.sqlite")
    first.append([ONE, ONE])
    first.close()
    second = SqliteEventLog(tmp_path / "events.sqlite")
    assert (second.append([ONE]), second.count_events()) == (3, 6)
    second.close()


def test_full_disk_keeps_nothing_of_the_batch_and_heals(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "events.sqlite")
    log.append([ONE])
    log._db.execute("PRAGMA max_page_count=8")  # SQLite then answers as on a full disk
    with pytest.raises(Unavailable, match="full"):
        log.append([ONE, Record("b", 1, b"x" * 100_000)], {("received", ""): 9})
    assert (log.head(), log.count_events(), ("received", "") in log.tally().counts) == (1, 2, False)
    log._db.execute("PRAGMA max_page_count=1000000")
    assert log.append([ONE]) == 2
    log.close()


def test_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        SqliteEventLog(tmp_path / "file" / "events.sqlite")


def test_appends_returned_before_a_kill_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    code = (
        "import sys; from pathlib import Path; from civicrec.eventlog.sqlite import SqliteEventLog as L;"
        "from civicrec.eventlog.ports import Record; log = L(Path(sys.argv[1]));\n"
        "while True: print(log.append([Record('a', 1, b'x' * 5000)]), flush=True)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    seen = [int(child.stdout.readline()) for _ in range(200)]
    os.kill(child.pid, signal.SIGKILL)
    rest = [int(line) for line in child.communicate()[0].splitlines()]
    reader = SqliteEventLog(path, readonly=True)
    assert (seen + rest)[-1] <= reader.head() == reader.count_events()
    reader.close()


def test_wal_does_not_grow_for_ever_under_unbroken_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_WAL_LIMIT_BYTES", 1_000_000)
    monkeypatch.setattr(sqlite, "_FOLD_EVERY_S", 0.005)
    log = SqliteEventLog(tmp_path / "events.sqlite")
    sizes = []
    for _ in range(400):
        log.append([Record("a", 1, b"x" * 50_000)])
        sizes.append((tmp_path / "events.sqlite-wal").stat().st_size)
    assert max(sizes) < 10_000_000  # of 20 MB written; how far it goes over the limit is up to the scheduler
    with sqlite3.connect(tmp_path / "events.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    log.close()
