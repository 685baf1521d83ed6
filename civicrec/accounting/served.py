"""Served lists on their way to the warehouse: a bounded file between those who make lists and the one who stores them.

In: `ServedList`s of any process that serves. Out: the same in batches under a name each, and what became of all.
Nothing in it says for whom a list was made.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from civicrec.errors import Unavailable
from civicrec.sqlite_files import in_transaction, read_only

#: Lists sent to the warehouse at once, about.
BATCH_LISTS = 2_000
_STORED = "stored"
#: Why a list is not kept: it waited for the file and was one too many, the file was full or could not be written.
LOSSES = ("queue_full", "spool_full", "unwritable")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS parts (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, lists BLOB NOT NULL, batch TEXT);
CREATE TABLE IF NOT EXISTS counts (fate TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
"""

_BEGIN_BATCH = """
UPDATE parts SET batch = ? WHERE id IN (
    SELECT id FROM (SELECT id, sum(n) OVER (ORDER BY id) - n AS before FROM parts) WHERE before < ?
)
"""


class ServedList(msgspec.Struct, frozen=True, array_like=True):
    """One list as it was answered; a row of the table ``served``.

    Attributes
    ----------
    served_ms
        Epoch milliseconds.
    mode
        `general` if nothing about the visitor was used.
    first_position
        0-based; the others follow.
    sources
        Of each item, those that proposed it, the one with the largest part first.
    reasons
        Of each item, the codes of the reasons that hold, in the order in which they are shown.
    propensities
        Of each item, how likely the request's draws were to put it there; 0 where that is not known.
    variant_share
        Share of the visitors that the experiment shows this variant, 0 where no experiment divides them.
    teams
        Of each item of two interleaved orders, which one it came by: `A` the scene's, `B` the variant's, empty neither.
    shadow, shadow_ids
        What else was asked for the same request in the shadow, and what its list would have been.
    holdout_share
        Share of the visitors who are held out; 0 where nobody was divided. The variant of who is held out is `holdout`.
    """

    request_id: str
    served_ms: int
    site: str
    scene: str
    slot: str
    variant: str
    mode: str
    model: str
    degraded: bool
    first_position: int
    item_ids: list[str]
    sources: list[list[str]]
    reasons: list[list[str]]
    propensities: list[float] = []
    variant_share: float = 0.0
    teams: list[str] = []
    shadow: str = ""
    shadow_ids: list[str] = []
    holdout_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Lists that are stored as one; the same name always holds the same lists."""

    name: str
    lists: list[ServedList]


@dataclass(frozen=True, slots=True)
class ServedCounts:
    """What became of the lists that were to be kept, since the file was made.

    Attributes
    ----------
    stored, waiting
        In the warehouse; in the file.
    lost
        Neither, by why.
    """

    stored: int = 0
    waiting: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[ServedList]).decode


class ServedSpool:
    """The file, for one thread; several processes may have it open.

    Parameters
    ----------
    max_bytes
        Of lists that wait.

    Raises
    ------
    civicrec.errors.Unavailable
        From every method, if the file cannot be read or written (disk full, folder read-only).
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path, self._max_bytes = path, max_bytes
        with self._readable():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA secure_delete=ON")  # what was sent stands in no free page
            self._db.execute("PRAGMA synchronous=NORMAL")  # a power cut may take the last lists, never the file
            self._db.executescript(_SCHEMA)

    def put(self, lists: Sequence[ServedList], lost: Mapping[str, int]) -> bool:
        """Keep lists until the warehouse has them, and count what was lost; False, and nothing kept, if it is full."""
        body = _encode(lists)
        with self._transaction():
            held: int = self._db.execute("SELECT coalesce(sum(length(lists)), 0) FROM parts").fetchone()[0]
            fits = held + len(body) <= self._max_bytes
            if lists and fits:
                self._db.execute("INSERT INTO parts (n, lists) VALUES (?, ?)", (len(lists), body))
            for fate, n in lost.items():
                self._count(fate, n)
            if not fits:
                self._count("spool_full", len(lists))
        return fits

    def next_batch(self) -> Batch | None:
        """Return the batch that is to be stored next, until it is `done`; None if nothing waits."""
        with self._transaction():
            begun = self._db.execute("SELECT batch FROM parts WHERE batch IS NOT NULL LIMIT 1").fetchone()
            name = begun[0] if begun else uuid.uuid4().hex
            if not begun:
                self._db.execute(_BEGIN_BATCH, (name, BATCH_LISTS))
            parts = self._db.execute("SELECT lists FROM parts WHERE batch = ? ORDER BY id", (name,)).fetchall()
        return Batch(name, [one for (body,) in parts for one in _decode(body)]) if parts else None

    def done(self, batch: Batch, fate: str = _STORED) -> None:
        """Let a batch go, and count what became of it, once."""
        with self._transaction():
            if self._db.execute("DELETE FROM parts WHERE batch = ?", (batch.name,)).rowcount:
                self._count(fate, len(batch.lists))

    def count_of(self, request_ids: Collection[str]) -> int:
        """Return how many lists wait that were answers to these requests."""
        with self._readable():
            bodies = self._db.execute("SELECT lists FROM parts").fetchall()
            return sum(one.request_id in request_ids for (body,) in bodies for one in _decode(body))

    def take_out(self, request_ids: Collection[str]) -> None:
        """Remove lists that were answers to these requests, from the write-ahead log too, and count them as `erased`.

        Raises
        ------
        civicrec.errors.Unavailable
            If one of them is in a batch that is being stored, or somebody reads the file: call it again.
        """
        with self._transaction():
            for number, body, batch in self._db.execute("SELECT id, lists, batch FROM parts").fetchall():
                lists: list[ServedList] = _decode(body)
                kept = [one for one in lists if one.request_id not in request_ids]
                if len(kept) == len(lists):
                    continue
                if batch is not None:  # who stores it has read it already, and knows it by its name
                    raise Unavailable("served lists to be taken out are being stored; it goes on when they are")
                self._db.execute("UPDATE parts SET n = ?, lists = ? WHERE id = ?", (len(kept), _encode(kept), number))
                self._count("erased", len(lists) - len(kept))
            self._db.execute("DELETE FROM parts WHERE n = 0")
        with self._readable():
            is_busy, *_ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise Unavailable(f"{self._path} is being read, what was taken out still stands in its write-ahead log")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _count(self, fate: str, n: int) -> None:
        self._db.execute("INSERT INTO counts VALUES (?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", (fate, n))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._readable(), in_transaction(self._db):
            yield

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"the served lists cannot be kept in {self._path}: {error}") from error


def served_counts(path: Path) -> ServedCounts:
    """Return what became of the lists; zeros where there is no file yet.

    Raises
    ------
    Unavailable
        If the file is there and cannot be read.
    """
    with read_only(path, "the served lists in") as db:
        if not (db and db.execute("SELECT 1 FROM sqlite_master WHERE name = 'counts'").fetchone()):
            return ServedCounts()  # there is none, or it is being made
        lost = dict(db.execute("SELECT fate, n FROM counts ORDER BY fate").fetchall())
        (waiting,) = db.execute("SELECT coalesce(sum(n), 0) FROM parts").fetchone()
    return ServedCounts(lost.pop(_STORED, 0), waiting, lost)
