"""What any event log must do: keep batches durably, hand out ranges, say how much it holds.

`memory.py` and `sqlite.py` implement it; one contract suite in tests/contracts runs on all. Kafka is none: what
stands in a log is forwarded there (`civicrec.kafka.writer`), and its topics have an offset per partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: (name, reason) → how many. Names: `received` `accepted` `duplicate` (reason "") and `rejected` `altered` (by reason).
LogCounts = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Record:
    """One batch as a client sent it, events of one actor, ready to be kept.

    Attributes
    ----------
    key
        The actor, so that a partitioned log keeps an actor's events in order.
    n_events
        Events inside `value`, at least 1.
    value
        JSON array of events (`civicrec.events.dump`).
    """

    key: str
    n_events: int
    value: bytes


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record with the place it has in the log."""

    offset: int
    record: Record


@dataclass(frozen=True, slots=True)
class Tally:
    """What a log holds, all read at one moment.

    Attributes
    ----------
    head
        Newest offset, 0 for an empty log.
    events_after
        Events in records behind the offset asked for.
    counts
        Every counter; ``counts[("accepted", "")]`` is the events ever kept, also those of records trimmed since.
    first
        Oldest offset still there, 1 for an empty log.
    oldest_after_ms
        When the oldest of the events behind the offset was kept, epoch milliseconds; 0 if there are none.
    """

    head: int
    events_after: int
    counts: LogCounts
    first: int = 1
    oldest_after_ms: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Extent:
    """From where to where a log goes, and the space it takes.

    Attributes
    ----------
    first, head
        Oldest offset still there, and newest: 1 and 0 for an empty log.
    n_bytes
        What its records take.
    spare_bytes
        What is allocated on disk and free for new records.
    """

    first: int
    head: int
    n_bytes: int
    spare_bytes: int


class EventLog(Protocol):
    """A durable, ordered log of event batches. Offsets grow from 1 and are never reused; 0 means "before all".

    The oldest records may be trimmed, never the newest one: offsets go on behind it.
    """

    @property
    def name(self) -> str:
        """Identity of this log, made once and kept with it; no two logs share one."""
        ...

    def append(self, records: Sequence[Record], counts: LogCounts | None = None) -> int:
        """Keep the records durably (fsync), move the counters with them, and return the last offset.

        Counter `accepted` grows by the records' events on its own; `counts` holds the others. No records is
        allowed, then only counters move.

        Raises
        ------
        civicrec.errors.Unavailable
            If they cannot be made durable (disk full, file locked); none of them is kept or counted then.
        """
        ...

    def read(self, after: int, until: int) -> list[LogRecord]:
        """Return the records with ``after < offset <= until``, in order."""
        ...

    def head(self) -> int:
        """Return the newest offset, 0 for an empty log."""
        ...

    def count_events(self, after: int = 0) -> int:
        """Return how many events stand after an offset.

        By default all that were ever kept; after an offset, those whose records are still there.
        """
        ...

    def tally(self, after: int = 0) -> Tally:
        """Return head, events behind `after` and all counters, as of one moment."""
        ...

    def extent(self) -> Extent:
        """Return from where to where the log goes, and the space it takes."""
        ...

    def trim(self, until: int, *, before_ms: int | None = None, limit: int = 100) -> int:
        """Remove the oldest records for good and return how many; the space is used again.

        Parameters
        ----------
        until
            Remove none after this offset.
        before_ms
            Remove only records kept before this time, epoch milliseconds.
        limit
            Remove at most so many, so that an append does not wait long.

        Raises
        ------
        civicrec.errors.Unavailable
            If the disk does not take it.
        """
        ...

    def shrink(self) -> None:
        """Give the space that trimming left back to the disk, as far as that goes.

        Raises
        ------
        civicrec.errors.Unavailable
            If the disk does not take it.
        """
        ...
