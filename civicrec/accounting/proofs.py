"""What of the log is proved to be in the warehouse: counted there, range by range, after the stream had committed it.

In: what was counted of a range. Out: the position behind which the log may be trimmed, what every range held when it
was counted, and the holes. The tables stand in the stream's ledger.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from civicrec.accounting.ledger import Ledger
from civicrec.clock import to_ms, utc_now
from civicrec.sqlite_files import read_only

#: A proof is widened up to so many records, and for a day at most: a portal's year is some thousand lines.
RECORDS = 20_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Held:
    """What the warehouse held of a range of log records.

    Attributes
    ----------
    events
        Month of the event (``202611``) → events.
    late
        Month → of these, the events that came so late that they may have come before: the collector no longer knew
        their ids.
    refused
        Events of dead letters.
    """

    events: Mapping[str, int] = field(default_factory=dict)
    late: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0

    @property
    def total(self) -> int:
        """Events and refused events."""
        return sum(self.events.values()) + self.refused

    def __add__(self, other: Held) -> Held:
        return Held(
            Counter(self.events) + Counter(other.events),
            Counter(self.late) + Counter(other.late),
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """The records ``first < offset <= last``, and what the warehouse held of them when they were counted."""

    first: int
    last: int
    at_ms: int
    held: Held


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of the stream that is committed: the records ``first < offset <= last``, and what became of them."""

    first: int
    last: int
    events: int


@dataclass(frozen=True, slots=True)
class Hole:
    """Records ``first < offset <= last`` of which the warehouse lacks some events."""

    first: int
    last: int
    events: int


@dataclass(frozen=True, slots=True)
class Proved:
    """All that is proved.

    Attributes
    ----------
    position
        Every record up to this offset has been counted and found.
    holes
        What the last count did not find.
    """

    position: int = 0
    proofs: tuple[Proof, ...] = ()
    holes: tuple[Hole, ...] = ()


class Proofs:
    """The proofs, for the one process that counts: the stream's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def position(self) -> int:
        """Return the offset up to which all is proved."""
        with self._ledger.transaction() as db:
            return proved_offset(db)

    def unproved(self, limit: int) -> list[Batch]:
        """Return the oldest committed batches that are not proved, in order."""
        with self._ledger.transaction() as db:
            rows = db.execute(
                "SELECT first, last, stored + rejected FROM batches WHERE done_at_ms IS NOT NULL AND last > ?"
                " ORDER BY last LIMIT ?",
                (proved_offset(db), limit),
            ).fetchall()
        return [Batch(*row) for row in rows]

    def add(self, last: int, held: Held) -> None:
        """Keep that the records from the position up to `last` were counted and are all there."""
        now_ms = to_ms(utc_now())
        with self._ledger.transaction() as db:
            first = proved_offset(db)
            newest = _proofs(db, "ORDER BY last DESC LIMIT 1")
            if newest and last - newest[0].first <= RECORDS and now_ms - newest[0].at_ms < _DAY_MS:
                first, now_ms, held = newest[0].first, newest[0].at_ms, newest[0].held + held
                db.execute("DELETE FROM proofs WHERE first = ?", (first,))
            db.execute("INSERT INTO proofs VALUES (?, ?, ?, ?)", (last, first, now_ms, msgspec.json.encode(held)))
            db.execute("DELETE FROM holes WHERE last <= ?", (last,))

    def note_holes(self, holes: Collection[Hole]) -> None:
        """Keep what is missing, in place of what was missing before."""
        with self._ledger.transaction() as db:
            db.execute("DELETE FROM holes")
            db.executemany("INSERT INTO holes VALUES (?, ?, ?)", [(one.first, one.last, one.events) for one in holes])


def proved_offset(db: sqlite3.Connection) -> int:
    """Return the offset up to which all is proved; what a ledger has forgotten batch by batch counts as proved."""
    newest: int | None = db.execute("SELECT max(last) FROM proofs").fetchone()[0]
    if newest is None:
        newest = db.execute("SELECT min(first) FROM batches").fetchone()[0]
    return newest or 0


def read_proved(path: Path) -> Proved:
    """Read what a ledger has as proved, from any process; nothing if there is no ledger, or one of an older version.

    Raises
    ------
    civicrec.errors.Unavailable
        If the file is there and cannot be read.
    """
    with read_only(path, "the ledger") as db:
        if db is None or not _is_there(db):
            return Proved()
        holes = tuple(Hole(*row) for row in db.execute("SELECT first, last, events FROM holes ORDER BY last"))
        return Proved(proved_offset(db), tuple(_proofs(db, "ORDER BY last")), holes)


def proved_position(path: Path) -> int:
    """Return the offset up to which a ledger has all as proved, from any process; 0 as `read_proved` returns nothing.

    Raises
    ------
    civicrec.errors.Unavailable
        If the file is there and cannot be read.
    """
    with read_only(path, "the ledger") as db:
        return proved_offset(db) if db and _is_there(db) else 0


def missing_events(path: Path) -> int:
    """Return how many events were written and not found when they were counted, from any process.

    Raises
    ------
    civicrec.errors.Unavailable
        If the file is there and cannot be read.
    """
    with read_only(path, "the ledger") as db:
        return db.execute("SELECT coalesce(sum(events), 0) FROM holes").fetchone()[0] if db and _is_there(db) else 0


def _is_there(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'holes'").fetchone() is not None


def _proofs(db: sqlite3.Connection, which: str) -> list[Proof]:
    with closing(db.execute(f"SELECT first, last, at_ms, held FROM proofs {which}")) as rows:
        return [Proof(first, last, at_ms, msgspec.json.decode(held, type=Held)) for first, last, at_ms, held in rows]
