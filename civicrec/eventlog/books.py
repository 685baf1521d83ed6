"""The books: what came in, what is stored, what was refused, what is under way. They balance at every moment.

In: the event log's and the stream's SQLite files, while their owners write. Out: `Books`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from civicrec.eventlog.ledger import ledger_totals
from civicrec.eventlog.ports import Tally
from civicrec.eventlog.position import Position, kept_position
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.settings import Settings


@dataclass(frozen=True, slots=True)
class Books:
    """Every event that reached the door, by what became of it.

    Attributes
    ----------
    accepted
        Events durable in the log, each answered with 200.
    stored, rejected
        Of these, the events in the warehouse, and those the stream refused into dead letters, by reason.
    pending
        Of these, the events after the last committed offset.
    received, duplicates, rejected_at_door, altered
        Events in readable bodies; those seen before; those refused by the collector, by reason; those kept with
        something taken away, by what.
    forwarded, unforwarded
        Of the accepted, the events that Kafka has, and those it has not; None while Kafka is off. Events that
        retention removed before Kafka was ever switched on are in neither.
    balanced
        Whether accepted = stored + rejected + pending. `pending` is counted in the log, `stored` and `rejected` in
        the ledger, so it is a finding and not a definition.
    """

    accepted: int = 0
    stored: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    pending: int = 0
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


def read_books(settings: Settings) -> Books:
    """Read the books; zeros where a file does not exist yet.

    The ledger is read first: what it has committed by then is in the log, or was trimmed from it, when that is read,
    in one snapshot. In the other order a commit in between would count events as stored and as pending.

    Raises
    ------
    Unavailable
        If a file is there and cannot be read.
    """
    done = ledger_totals(settings.stream_path)
    has_kafka = bool(settings.kafka.bootstrap)
    sent = kept_position(settings.forwarded_path) if has_kafka else None
    seen, unforwarded = _read_log(settings.log_path, done.committed, sent)
    while seen.first - 1 > done.committed:
        # The stream went on between the two readings, and the log was trimmed behind it: read again.
        before, done = done, ledger_totals(settings.stream_path)
        if done.committed == before.committed:
            break
        seen, unforwarded = _read_log(settings.log_path, done.committed, sent)

    def of(name: str) -> dict[str, int]:
        return {reason: n for (counter, reason), n in sorted(seen.counts.items()) if counter == name}

    return Books(
        accepted=sum(of("accepted").values()),
        stored=done.stored,
        rejected=dict(sorted(done.rejected.items())),
        pending=seen.events_after,
        received=sum(of("received").values()),
        duplicates=sum(of("duplicate").values()),
        rejected_at_door=of("rejected"),
        altered=of("altered"),
        forwarded=seen.counts.get(("accepted", ""), 0) - unforwarded if has_kafka else None,
        unforwarded=unforwarded if has_kafka else None,
    )


def _read_log(path: Path, committed: int, sent: Position | None) -> tuple[Tally, int]:
    """Return the tally behind an offset, and the events behind a position as of the same moment."""
    if not path.exists():
        return Tally(head=0, events_after=0, counts={}), 0
    with closing(SqliteEventLog(path, readonly=True)) as log:
        tally = log.tally(committed)
        if sent is None or sent.log != log.name:
            return tally, tally.counts.get(("accepted", ""), 0)
        later = log.tally(sent.offset)
        # What came between the two readings stands behind both offsets.
        came = later.counts.get(("accepted", ""), 0) - tally.counts.get(("accepted", ""), 0)
        return tally, later.events_after - came
