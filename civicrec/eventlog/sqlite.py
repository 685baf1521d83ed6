"""The event log of one machine: a SQLite file in WAL mode, fsynced before `append` returns.

In: batches from the collector, the only writer. Out: ranges and counts, also to other processes while it writes.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread

from civicrec.clock import Clock, to_ms, utc_now
from civicrec.errors import Unavailable
from civicrec.eventlog.ports import Extent, LogCounts, LogRecord, Record, Tally
from civicrec.sqlite_files import in_transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records(
    offset INTEGER PRIMARY KEY, key TEXT NOT NULL, n_events INTEGER NOT NULL, value BLOB NOT NULL,
    at_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS counters(
    name TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(name, reason)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity(name TEXT NOT NULL);
"""
#: The WAL is folded into the file by a thread of its own, often: an append that meets the sync of a large fold waits
#: for all of it (100 ms for what a busy second leaves, 10 ms for a tenth).
_FOLD_EVERY_S = 0.1
#: Under unbroken load the thread never catches up to the last frame, and only then can the WAL restart. From here
#: the next append folds the few frames left.
_WAL_LIMIT_BYTES = 64 * 1024 * 1024
_BUSY_TIMEOUT_S = 10.0
_PAGE_BYTES = 4096
#: SQLite's number for a file that can give space back to the disk.
_INCREMENTAL = 2
#: A file that cannot yet is rewritten, if it has no more to hold than this.
_REWRITTEN_BYTES = 64 * 1024 * 1024


class SqliteEventLog:
    """An `EventLog` in one SQLite file.

    Parameters
    ----------
    path
        The file; its folder is made if need be.
    readonly
        Never write, and never make the file: `Unavailable` until the writer has made it.
    clock
        Stamps the records; `trim` goes by it.

    Notes
    -----
    ``synchronous=FULL`` in WAL mode syncs the WAL on every commit: what `append` returned for survives a crash of
    the process and of the machine. Safe to share between threads.
    """

    def __init__(self, path: Path, *, readonly: bool = False, clock: Clock = utc_now) -> None:
        self._path = path
        self._clock = clock
        self._lock = Lock()
        self._closing = Event()
        self._unfolded = Event()
        self._nearly_folded = Event()
        self._folding: Thread | None = None
        with self._faults():
            if not readonly:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.exists():
                raise Unavailable(f"there is no event log {path} yet; the collector makes it when it starts")
            self._db = _connect(path, "rw" if readonly else "rwc")
            try:
                if readonly:
                    self._db.execute("PRAGMA query_only=1")
                    self._db.execute("SELECT 1 FROM records, counters LIMIT 1")
                else:
                    _prepare(self._db)
            except sqlite3.Error:
                self._db.close()
                raise
        if not readonly:
            self._folding = Thread(target=self._fold_now_and_then, name="log-folding", daemon=True)
            self._folding.start()

    @property
    def name(self) -> str:
        """Identity of this log, made with its file."""
        with self._lock, self._faults():
            name: str = self._db.execute("SELECT name FROM identity").fetchone()[0]
        return name

    def append(self, records: Sequence[Record], counts: LogCounts | None = None) -> int:
        """Keep the records durably, move the counters with them, and return the last offset."""
        at_ms = to_ms(self._clock())
        moved = {**(counts or {})}
        moved["accepted", ""] = sum(record.n_events for record in records)
        rows = [(record.key, record.n_events, record.value, at_ms) for record in records]
        with self._lock, self._faults():
            with in_transaction(self._db):
                self._db.executemany("INSERT INTO records(key, n_events, value, at_ms) VALUES (?, ?, ?, ?)", rows)
                self._db.executemany(
                    "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
                    [(name, reason, n) for (name, reason), n in moved.items() if n],
                )
                head = _head(self._db)
            if self._nearly_folded.is_set():
                self._nearly_folded.clear()
                with suppress(sqlite3.Error, MemoryError):  # the records are durable, whatever becomes of the WAL
                    _fold(self._db)
        self._unfolded.set()
        return head

    def read(self, after: int, until: int) -> list[LogRecord]:
        """Return the records with ``after < offset <= until``, in order."""
        with self._lock, self._faults():
            rows = self._db.execute(
                "SELECT offset, key, n_events, value FROM records WHERE offset > ? AND offset <= ? ORDER BY offset",
                (after, until),
            ).fetchall()
        return [LogRecord(offset, Record(key, n_events, value)) for offset, key, n_events, value in rows]

    def head(self) -> int:
        """Return the newest offset, 0 for an empty log."""
        with self._lock, self._faults():
            return _head(self._db)

    def count_events(self, after: int = 0) -> int:
        """Return how many events stand after an offset, by default all that were ever kept."""
        return self.tally(after).events_after

    def tally(self, after: int = 0, is_done: Callable[[str, int], bool] | None = None) -> Tally:
        """Return head, events behind `after`, all counters and the oldest offset, as of one moment.

        With `is_done`, of a record's key and offset, the records it is true of are left out.
        """
        with self._lock, self._faults():
            try:
                self._db.execute("BEGIN")  # one snapshot for all readings
                first = _first(self._db)
                head = _head(self._db)
                counts = {(name, reason): n for name, reason, n in self._db.execute("SELECT * FROM counters")}
                oldest = self._db.execute(
                    "SELECT at_ms FROM records WHERE offset > ? ORDER BY offset LIMIT 1", (after,)
                ).fetchone()
                oldest_ms = oldest[0] if oldest else 0
                if is_done is not None:
                    rows = self._db.execute(
                        "SELECT key, offset, n_events, at_ms FROM records WHERE offset > ?", (after,)
                    )
                    left = [(n, at_ms) for key, offset, n, at_ms in rows if not is_done(key, offset)]
                    events_after, oldest_ms = sum(n for n, _ in left), left[0][1] if left else 0
                elif after <= 0:
                    events_after = counts.get(("accepted", ""), 0)
                else:
                    events_after = self._db.execute(
                        "SELECT coalesce(sum(n_events), 0) FROM records WHERE offset > ?", (after,)
                    ).fetchone()[0]
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        return Tally(head, events_after, counts, first, oldest_ms)

    def extent(self) -> Extent:
        """Return from where to where the log goes, and the space it takes in its file."""
        with self._lock, self._faults():
            return Extent(_first(self._db), _head(self._db), *_size(self._db))

    def trim(self, until: int, *, before_ms: int | None = None, limit: int = 100) -> int:
        """Remove the oldest records for good, never the newest one, and return how many."""
        with self._lock, self._faults():
            last = min(until, _first(self._db) + limit - 1, _head(self._db) - 1)
            if before_ms is not None:
                young = self._db.execute(
                    "SELECT offset FROM records WHERE offset <= ? AND at_ms >= ? ORDER BY offset LIMIT 1",
                    (last, before_ms),
                ).fetchone()
                last = young[0] - 1 if young else last
            self._db.execute("PRAGMA synchronous=NORMAL")  # a removal that a crash undoes is done again: no fsync
            try:
                return self._db.execute("DELETE FROM records WHERE offset <= ?", (last,)).rowcount
            finally:
                self._db.execute("PRAGMA synchronous=FULL")
                self._unfolded.set()

    def shrink(self) -> None:
        """Give what is spare back to the disk, as far as readers allow."""
        with self._lock, self._faults():
            if self._db.execute("PRAGMA auto_vacuum").fetchone()[0] == _INCREMENTAL:
                self._db.executescript("PRAGMA incremental_vacuum")  # `execute` frees one page and stops
            elif _size(self._db)[0] <= _REWRITTEN_BYTES:  # a file of before: it is rewritten while it holds little
                self._db.execute(f"PRAGMA auto_vacuum={_INCREMENTAL}")
                self._db.execute("VACUUM")
        self._unfolded.set()  # the file becomes shorter when the WAL is folded into it

    def close(self) -> None:
        """Let go of the file; the log cannot be used afterwards."""
        self._closing.set()
        if self._folding:
            self._folding.join()
        with self._lock:
            self._db.close()

    def _fold_now_and_then(self) -> None:
        with suppress(sqlite3.Error), closing(_connect(self._path, "rw")) as db:
            while not self._closing.wait(_FOLD_EVERY_S):
                if not self._unfolded.is_set():
                    continue
                self._unfolded.clear()
                try:
                    if _fold(db) > _WAL_LIMIT_BYTES:
                        _fold(db)  # what came meanwhile
                        self._nearly_folded.set()
                except (sqlite3.Error, MemoryError):  # what is full shows in `append`; here the next round tries again
                    self._unfolded.set()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"the event log {self._path} cannot be used: {error}; check disk and rights") from error
        except MemoryError as error:
            raise Unavailable(f"the event log {self._path} cannot be used: no memory is left") from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False,
    )  # fmt: skip


def _prepare(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA auto_vacuum={_INCREMENTAL}")  # of a file that is made now; another stays as it is
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA wal_autocheckpoint=0")
    # Cutting the WAL short each time it restarts would make the syncs of the appends that lengthen it dear.
    db.execute(f"PRAGMA journal_size_limit={2 * _WAL_LIMIT_BYTES}")
    # Some builds write zeros over what is removed; as much again would go to disk. The space is soon written over.
    db.execute("PRAGMA secure_delete=FAST")
    db.executescript(_SCHEMA)
    db.execute("INSERT INTO identity SELECT ? WHERE NOT EXISTS (SELECT 1 FROM identity)", (uuid.uuid4().hex,))


def _fold(db: sqlite3.Connection) -> int:
    """Write what the WAL holds into the file as far as readers allow; return how long the WAL was, bytes."""
    _, n_frames, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(n_frames) * _PAGE_BYTES


def _size(db: sqlite3.Connection) -> tuple[int, int]:
    """Return the bytes that are in use, and those that are spare."""
    n_pages, n_spare, page_bytes = (
        db.execute(f"PRAGMA {of}").fetchone()[0] for of in ("page_count", "freelist_count", "page_size")
    )
    return (n_pages - n_spare) * page_bytes, n_spare * page_bytes


def _head(db: sqlite3.Connection) -> int:
    newest: int | None = db.execute("SELECT max(offset) FROM records").fetchone()[0]
    return newest or 0


def _first(db: sqlite3.Connection) -> int:
    oldest: int | None = db.execute("SELECT min(offset) FROM records").fetchone()[0]
    return oldest or 1
