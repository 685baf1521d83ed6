"""What any event log must do: keep batches durably, hand out ranges, say how much it holds.

`memory.py` and `sqlite.py` implement it; one contract suite in tests/contracts runs on all. Kafka is none: what
stands in a log is forwarded there (`kafka_writer.py`), and its topics have an offset per partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

#: (name, reason) → how many. Names: `received` `accepted` `duplicate` (reason "") and `rejected` `altered` (by reason).
Counts = Mapping[tuple[str, str], int]


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
        Every counter; ``counts[("accepted", "")]`` is the events ever kept.
    """

    head: int
    events_after: int
    counts: Counts


class EventLog(Protocol):
    """A durable, ordered log of event batches. Offsets grow from 1 and are never reused; 0 means "before all"."""

    @property
    def name(self) -> str:
        """Identity of this log, made once and kept with it; no two logs share one."""
        ...

    def append(self, records: Sequence[Record], counts: Counts | None = None) -> int:
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
        """Return how many events stand after an offset (all by default), also of records trimmed since."""
        ...

    def tally(self, after: int = 0) -> Tally:
        """Return head, events behind `after` and all counters, as of one moment."""
        ...
