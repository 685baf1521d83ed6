"""The event log in memory: complete, for tests and for streams that need no disk."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from threading import Lock

from civicrec.clock import Clock, to_ms, utc_now
from civicrec.eventlog.ports import Extent, LogCounts, LogRecord, Record, Tally


class MemoryEventLog:
    """An `EventLog` that forgets all when the process ends. Safe to share between threads."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self.name = uuid.uuid4().hex
        self._lock = Lock()
        self._clock = clock
        self._trimmed = 0
        self._records: list[Record] = []
        self._at_ms: list[int] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    def append(self, records: Sequence[Record], counts: LogCounts | None = None) -> int:
        """Keep the records and return the last offset."""
        with self._lock:
            self._records.extend(records)
            self._at_ms.extend([to_ms(self._clock())] * len(records))
            self._counts.update(dict(counts or {}))
            self._counts["accepted", ""] += sum(record.n_events for record in records)
            return self._head()

    def read(self, after: int, until: int) -> list[LogRecord]:
        """Return the records with ``after < offset <= until``, in order."""
        with self._lock:
            first = max(after, self._trimmed)
            records = self._records[first - self._trimmed : max(until - self._trimmed, 0)]
            return [LogRecord(first + n, record) for n, record in enumerate(records, 1)]

    def head(self) -> int:
        """Return the newest offset, 0 for an empty log."""
        with self._lock:
            return self._head()

    def count_events(self, after: int = 0) -> int:
        """Return how many events stand after an offset, by default all that were ever kept."""
        return self.tally(after).events_after

    def tally(self, after: int = 0) -> Tally:
        """Return head, events behind `after`, all counters and the oldest offset, as of one moment."""
        with self._lock:
            counts = {name: n for name, n in self._counts.items() if n}
            behind = self._records[max(after - self._trimmed, 0) :]
            events_after = sum(record.n_events for record in behind) if after > 0 else self._counts["accepted", ""]
            return Tally(self._head(), events_after, counts, self._trimmed + 1)

    def extent(self) -> Extent:
        """Return from where to where the log goes, and the bytes of its values."""
        with self._lock:
            return Extent(self._trimmed + 1, self._head(), sum(len(record.value) for record in self._records), 0)

    def trim(self, until: int, *, before_ms: int | None = None, limit: int = 100) -> int:
        """Remove the oldest records for good, never the newest one, and return how many."""
        with self._lock:
            n = max(0, min(until - self._trimmed, len(self._records) - 1, limit))
            if before_ms is not None:
                n = sum(1 for _ in takewhile(lambda at_ms: at_ms < before_ms, self._at_ms[:n]))
            del self._records[:n], self._at_ms[:n]
            self._trimmed += n
            return n

    def shrink(self) -> None:
        """Do nothing: memory has no spare space."""

    def _head(self) -> int:
        return self._trimmed + len(self._records)
