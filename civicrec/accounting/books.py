"""The books: what came in, what is stored, what was refused, what is under way. They balance at every moment.

In: the event log's and the stream's SQLite files, while their owners write. Out: `Books`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from civicrec.accounting.ledger import Totals, ledger_totals
from civicrec.accounting.progress import read_progress
from civicrec.clock import from_ms, rfc3339, to_ms
from civicrec.eventlog.ports import Tally
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.kafka.position import Position, kept_position
from civicrec.settings import Settings


@dataclass(frozen=True, slots=True)
class Books:
    """Every event that reached the collector, by what became of it.

    Attributes
    ----------
    accepted
        Events durable in the log, each answered with 200.
    stored, rejected
        Of these, the events in the warehouse, and those the stream refused into dead letters, by reason.
    pending
        Of these, the events after the last committed offset.
    waiting_since_ms
        When the oldest of the pending events was accepted, epoch milliseconds; 0 if none is pending.
    missing
        Of these, the events that the stream wrote and that the warehouse has not: neither stored nor pending.
    received, duplicates, rejected_at_door, altered
        Events in readable bodies; those seen before; those refused by the collector, by reason; those kept with
        something taken away, by what.
    forwarded, unforwarded
        Of the accepted, the events that Kafka has, and those it has not; None while Kafka is off. Events that
        retention removed before Kafka was ever switched on are in neither.
    balanced
        Whether accepted = stored + rejected + pending. `pending` is counted in the log, `stored` and `rejected` in
        the ledger, or with Flink in the committed progress, so it is a finding and not a definition.
    """

    accepted: int = 0
    stored: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    pending: int = 0
    waiting_since_ms: int = field(default=0, compare=False)
    missing: int = 0
    received: int = 0
    duplicates: int = 0
    rejected_at_door: dict[str, int] = field(default_factory=dict)
    altered: dict[str, int] = field(default_factory=dict)
    forwarded: int | None = None
    unforwarded: int | None = None
    balanced: bool = field(init=False)

    def __post_init__(self) -> None:
        parts = self.stored + sum(self.rejected.values()) + self.pending
        object.__setattr__(self, "balanced", self.accepted == parts)

    def waiting(self, now: datetime, at_most_s: float) -> str:
        """Say that events wait for the stream for longer than they may; empty if they do not."""
        waited_s = (to_ms(now) - self.waiting_since_ms) / 1000
        if not self.waiting_since_ms or waited_s < at_most_s:
            return ""
        return (
            f"{self.pending} events wait for the stream, the oldest since {rfc3339(from_ms(self.waiting_since_ms))} "
            f"({waited_s:.0f} s): it stands still or is behind, nothing is lost; its log says what it waits for"
        )


def read_books(settings: Settings) -> Books:
    """Read the books; zeros where a file does not exist yet.

    The ledger is read first: what it has committed by then is in the log, or was trimmed from it, when that is read,
    in one snapshot. In the other order a commit in between would count events as stored and as pending.

    Raises
    ------
    Unavailable
        If a file is there and cannot be read.
    """
    if settings.stream.runner == "flink":
        return _books(settings, *_read_with_progress(settings))
    has_kafka = bool(settings.kafka.bootstrap)
    before: tuple[Totals, Position | None] | None = None
    while True:
        done = ledger_totals(settings.stream_path)
        sent = kept_position(settings.forwarded_path) if has_kafka else None
        log = _read_log(settings.log_path, done.committed, sent)
        # Else a reader went on between the readings and the log was trimmed behind it: read again.
        if log.first - 1 <= min(done.committed, sent.offset if sent else done.committed) or before == (done, sent):
            break
        before = done, sent
    return _books(settings, done, log)


def _read_with_progress(settings: Settings) -> tuple[Totals, _Log]:
    """Read what a cluster has committed, counts and all; before the log, which then holds all of it."""
    if not settings.log_path.exists():
        return Totals(0, 0, {}), _read_log(settings.log_path, 0, None)
    with closing(SqliteEventLog(settings.log_path, readonly=True)) as events:
        name = events.name
    sent = kept_position(settings.forwarded_path)
    if sent is not None and sent.log == name and sent.generation:
        name = f"{name}.{sent.generation}"
    progress = read_progress(settings.redis, name)
    log = _read_log(settings.log_path, progress.all_before(), sent, progress.has)
    return Totals(progress.all_before(), progress.stored, progress.rejected), log


def _books(settings: Settings, done: Totals, log: _Log) -> Books:
    seen, has_kafka = log.tally, bool(settings.kafka.bootstrap)

    def of(name: str) -> dict[str, int]:
        return {reason: n for (counter, reason), n in sorted(seen.counts.items()) if counter == name}

    return Books(
        accepted=sum(of("accepted").values()),
        stored=done.stored - done.missing,
        rejected=dict(sorted(done.rejected.items())),
        pending=seen.events_after,
        waiting_since_ms=seen.oldest_after_ms,
        missing=done.missing,
        received=sum(of("received").values()),
        duplicates=sum(of("duplicate").values()),
        rejected_at_door=of("rejected"),
        altered=of("altered"),
        forwarded=log.forwarded if has_kafka else None,
        unforwarded=log.unforwarded if has_kafka else None,
    )


@dataclass(frozen=True, slots=True)
class _Log:
    """The log as of one moment: its tally, the events up to a position and behind it; its oldest offset afterwards."""

    tally: Tally
    forwarded: int
    unforwarded: int
    first: int


def _read_log(
    path: Path, committed: int, sent: Position | None, is_done: Callable[[str, int], bool] | None = None
) -> _Log:
    if not path.exists():
        return _Log(Tally(head=0, events_after=0, counts={}), 0, 0, 1)
    with closing(SqliteEventLog(path, readonly=True)) as log:
        tally = log.tally(committed, is_done)
        if sent is None or sent.log != log.name:
            return _Log(tally, 0, tally.counts.get(("accepted", ""), 0), tally.first)
        later = log.tally(sent.offset)
    # What came between the two readings stands behind both offsets.
    came = later.counts.get(("accepted", ""), 0) - tally.counts.get(("accepted", ""), 0)
    return _Log(tally, sent.events, later.events_after - came, later.first)
