"""Erasing a person from the event log, beside the collector that writes it: records stay in their places, empty.

In: the file of a log. Out: the same without what they held of the person, in the file and beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from civicrec.erasure import Person
from civicrec.errors import Unavailable
from civicrec.sqlite_files import in_transaction

#: What stands in place of an erased record's events and of its actor: it still counts for as many events.
ERASED_VALUE = b"[]"
ERASED_KEY = "erased"
#: Records changed at once: an append waits for some milliseconds.
_AT_ONCE = 50
_TIMEOUT_S = 10.0


class LogRecords:
    """Records of the log of one machine that hold a person's events."""

    name = "event log"

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, person: Person) -> int:
        """Return how many records there are; each holds events of one actor."""
        return len(self.offsets(person))

    def offsets(self, person: Person) -> list[int]:
        """Return the offsets of the records, in order; reads the whole log."""
        if not self._path.exists():
            return []
        names = ", ".join("?" * len(person.actors))
        with self._opened() as db:
            rows = db.execute(f"SELECT offset FROM records WHERE key IN ({names}) ORDER BY offset", person.actors)
            return [offset for (offset,) in rows]

    def actors(self) -> list[str]:
        """Return everybody of whom there are events; reads the whole log."""
        if not self._path.exists():
            return []
        with self._opened() as db:
            return [key for (key,) in db.execute("SELECT DISTINCT key FROM records") if key != ERASED_KEY]

    def values(self, person: Person) -> Iterator[bytes]:
        """Yield what the records hold."""
        offsets = self.offsets(person)
        with self._opened() as db:
            for offset in offsets:
                row = db.execute("SELECT value FROM records WHERE offset = ?", (offset,)).fetchone()
                if row:  # else it was trimmed meanwhile
                    yield bytes(row[0])

    def erase(self, person: Person) -> None:
        """Empty the records; nothing of them stays in free pages or in the write-ahead log.

        Raises
        ------
        Unavailable
            If somebody reads the log now, so that the write-ahead log cannot be cut: call it again.
        """
        if not self._path.exists():
            return
        offsets = self.offsets(person)
        with self._opened() as db:
            for first in range(0, len(offsets), _AT_ONCE):
                with in_transaction(db):
                    db.executemany(
                        "UPDATE records SET key = ?, value = ? WHERE offset = ?",
                        [(ERASED_KEY, ERASED_VALUE, offset) for offset in offsets[first : first + _AT_ONCE]],
                    )
            # Pages that were freed before keep what they held until they are given back.
            db.executescript("PRAGMA incremental_vacuum")
            is_busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise Unavailable("the event log is being read, what was erased still stands in its write-ahead log")

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        address = f"{self._path.resolve().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=_TIMEOUT_S, isolation_level=None)) as db:
                db.execute("PRAGMA secure_delete=ON")
                yield db
        except sqlite3.Error as error:
            raise Unavailable(f"the event log {self._path} cannot be used: {error}; check disk and rights") from error
