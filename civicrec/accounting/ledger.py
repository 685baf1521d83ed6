"""The stream's ledger: which range of the log is planned, which is done, and what became of its events.

In: plans and outcomes of micro-batches. Out: where to go on after a crash, and totals that balance with the log.
A plan is durable before it runs, so a rerun takes exactly the same range and every store knows it again by its name.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from civicrec.clock import to_ms, utc_now
from civicrec.errors import Unavailable
from civicrec.sqlite_files import in_transaction, read_only

#: Batches remembered one by one, for a look back; the totals keep all.
MAX_BATCHES = 100_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS identity (log TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    last INTEGER PRIMARY KEY, first INTEGER NOT NULL, planned_at_ms INTEGER NOT NULL,
    done_at_ms INTEGER, stored INTEGER, rejected INTEGER
);
CREATE TABLE IF NOT EXISTS totals (outcome TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (outcome, reason));
CREATE TABLE IF NOT EXISTS recovered (log TEXT, log_offset INTEGER, piece INTEGER,
    PRIMARY KEY (log, log_offset, piece)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS proofs (
    last INTEGER PRIMARY KEY, first INTEGER NOT NULL, at_ms INTEGER NOT NULL, held BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS holes (first INTEGER NOT NULL, last INTEGER PRIMARY KEY, events INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """A range of log offsets to be processed as one: ``first < offset <= last``."""

    log: str
    first: int
    last: int

    def token(self, table: str) -> str:
        """Name what this range writes to a table, the same at every try."""
        return f"{self.log}:{self.first}-{self.last}:{table}"


@dataclass(frozen=True, slots=True)
class Totals:
    """What the stream has done so far: every event up to offset `committed` was stored or rejected.

    Attributes
    ----------
    missing
        Of these, the events that were looked for in the warehouse and not found.
    """

    committed: int
    stored: int
    rejected: Mapping[str, int]
    missing: int = 0


class Ledger:
    """The ledger in its SQLite file. Plans belong to the one stream process; `recover` may come from another.

    Raises
    ------
    civicrec.errors.Unavailable
        From every method, if the file cannot be read or written (disk full, folder read-only).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._readable():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        with self.transaction():
            # A log has no name of its own; without one, two logs would share tokens and lose each other's events.
            if self._db.execute("SELECT log FROM identity").fetchone() is None:
                self._db.execute("INSERT INTO identity VALUES (?)", (uuid.uuid4().hex[:12],))
            if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'cured'").fetchone():  # its name until 0.1
                self._db.execute("INSERT OR IGNORE INTO recovered SELECT log, log_offset, piece FROM cured")
                self._db.execute("DROP TABLE cured")
        self.log: str = self._db.execute("SELECT log FROM identity").fetchone()[0]

    def committed(self) -> int:
        """Return the last offset that is done, 0 before the first."""
        with self._readable():
            return committed_offset(self._db)

    def unfinished(self) -> Plan | None:
        """Return the plan that was made and not committed, if there is one: it must run again, exactly so."""
        with self._readable():
            row = self._db.execute("SELECT first, last FROM batches WHERE done_at_ms IS NULL").fetchone()
        return Plan(self.log, row[0], row[1]) if row else None

    def plan(self, last: int) -> Plan:
        """Persist that the range from the last commit up to `last` runs next.

        Raises
        ------
        ValueError
            If another plan is unfinished, or `last` is done already.
        """
        first = self.committed()
        if self.unfinished() or last <= first:
            raise ValueError(f"cannot plan up to {last}: {first} is committed and {self.unfinished()} is unfinished")
        with self.transaction():
            self._db.execute(
                "INSERT INTO batches (first, last, planned_at_ms) VALUES (?, ?, ?)", (first, last, to_ms(utc_now()))
            )
        return Plan(self.log, first, last)

    def commit(self, plan: Plan, stored: int, rejected: Mapping[str, int]) -> None:
        """Commit the plan, with what became of its events, in one transaction.

        Raises
        ------
        ValueError
            If this plan is not the unfinished one.
        """
        with self.transaction():
            updated = self._db.execute(
                "UPDATE batches SET done_at_ms = ?, stored = ?, rejected = ?"
                " WHERE first = ? AND last = ? AND done_at_ms IS NULL",
                (to_ms(utc_now()), stored, sum(rejected.values()), plan.first, plan.last),
            )
            if updated.rowcount != 1:
                raise ValueError(f"cannot commit {plan}: it is not the unfinished plan")
            outcomes = [("stored", "", stored), *(("rejected", reason, n) for reason, n in rejected.items())]
            self._db.executemany(
                "INSERT INTO totals VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", outcomes
            )
            self._db.execute(
                # What is not proved yet is counted batch by batch.
                "DELETE FROM batches WHERE last < (SELECT last FROM batches ORDER BY last DESC LIMIT 1 OFFSET ?)"
                " AND last <= (SELECT coalesce(max(last), 0) FROM proofs)",
                (MAX_BATCHES,),
            )

    def recover(self, log: str, dead_letter: tuple[int, int], reason: str, n_events: int) -> None:
        """Count the events of one dead letter (offset and piece) as stored; again for the same changes nothing."""
        with self.transaction():
            known = self._db.execute("INSERT OR IGNORE INTO recovered VALUES (?, ?, ?)", (log, *dead_letter))
            if known.rowcount:
                self._db.execute(
                    "UPDATE totals SET n = n - ? WHERE outcome = 'rejected' AND reason = ?", (n_events, reason)
                )
                self._db.execute(
                    "INSERT INTO totals VALUES ('stored', '', ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
                    (n_events,),
                )

    def totals(self) -> Totals:
        """Return what the stream has done so far."""
        with self.transaction():
            return read_totals(self._db)

    def batches(self) -> list[tuple[Plan, int, int]]:
        """Return the remembered batches that are done, oldest first, each with its stored and rejected events."""
        with self._readable():
            rows = self._db.execute(
                "SELECT first, last, stored, rejected FROM batches WHERE done_at_ms IS NOT NULL ORDER BY last"
            ).fetchall()
        return [(Plan(self.log, first, last), stored, rejected) for first, last, stored, rejected in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"the stream's ledger {self._path} failed: {error}; check the disk") from error
        except MemoryError as error:
            raise Unavailable(f"the stream's ledger {self._path} failed: no memory is left") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do the body as one, or not at all."""
        with self._readable(), in_transaction(self._db):
            yield self._db


def committed_offset(db: sqlite3.Connection) -> int:
    """Return the last committed offset of an open ledger."""
    row = db.execute("SELECT last FROM batches WHERE done_at_ms IS NOT NULL ORDER BY last DESC LIMIT 1").fetchone()
    return int(row[0]) if row else 0


def read_totals(db: sqlite3.Connection) -> Totals:
    """Read the totals of an open ledger; inside one transaction they belong together."""
    rows = db.execute("SELECT outcome, reason, n FROM totals").fetchall()
    has_holes = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'holes'").fetchone()  # not of an older version
    missing = db.execute("SELECT coalesce(sum(events), 0) FROM holes").fetchone()[0] if has_holes else 0
    return Totals(
        committed=committed_offset(db),
        stored=sum(n for outcome, _, n in rows if outcome == "stored"),
        rejected={reason: n for outcome, reason, n in rows if outcome == "rejected" and n},
        missing=missing,
    )


def ledger_totals(path: Path) -> Totals:
    """Read the totals of a ledger from another process than its owner's; nothing done if there is no ledger yet.

    Raises
    ------
    civicrec.errors.Unavailable
        If the file is there and cannot be read.
    """
    with read_only(path, "the ledger") as db:
        has_tables = db and db.execute("SELECT 1 FROM sqlite_master WHERE name = 'totals'").fetchone()
        return read_totals(db) if db and has_tables else Totals(0, 0, {})
