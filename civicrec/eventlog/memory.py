"""The event log in memory: complete, for tests and for streams that need no disk."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from threading import Lock

from civicrec.eventlog.ports import Counts, LogRecord, Record, Tally


class MemoryEventLog:
    """An `EventLog` that forgets all when the process ends. Safe to share between threads."""

    def __init__(self) -> None:
        self.name = uuid.uuid4().hex
        self._lock = Lock()
        self._records: list[Record] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    def append(self, records: Sequence[Record], counts: Counts | None = None) -> int:
        """Keep the records and return the last offset."""
        with self._lock:
            self._records.extend(records)
            self._counts.update(dict(counts or {}))
            self._counts["accepted", ""] += sum(record.n_events for record in records)
            return len(self._records)

    def read(self, after: int, until: int) -> list[LogRecord]:
        """Return the records with ``after < offset <= until``, in order."""
        first = max(after, 0)
        with self._lock:
            return [LogRecord(first + n, record) for n, record in enumerate(self._records[first : max(until, 0)], 1)]

    def head(self) -> int:
        """Return the newest offset, 0 for an empty log."""
        return len(self._records)

    def count_events(self, after: int = 0) -> int:
        """Return how many events stand after an offset."""
        return self.tally(after).events_after

    def tally(self, after: int = 0) -> Tally:
        """Return head, events behind `after` and all counters, as of one moment."""
        with self._lock:
            events_after = sum(record.n_events for record in self._records[max(after, 0) :])
            return Tally(len(self._records), events_after, {name: n for name, n in self._counts.items() if n})
