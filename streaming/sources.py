"""From the log to blocks: how much makes a batch, and how a batch is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from civicrec.eventlog.ports import EventLog, LogRecord
from civicrec.settings import StreamSettings
from streaming.blocks import Block, Origin

#: Bytes of records in one batch: keeps the memory of the stream flat when clients send their largest events.
MAX_BATCH_BYTES = 64 * 1024 * 1024


def next_records(log: EventLog, after: int, settings: StreamSettings) -> list[LogRecord]:
    """Return the records of the next batch: what is there, up to the limits of records, events and bytes."""
    taken: list[LogRecord] = []
    n_events = n_bytes = 0
    while len(taken) < settings.max_batch_records:
        last = taken[-1].offset if taken else after
        part = log.read(last, last + min(settings.block_records, settings.max_batch_records - len(taken)))
        for log_record in part:
            n_events += log_record.record.n_events
            n_bytes += len(log_record.record.value)
            if taken and (n_events > settings.max_batch_events or n_bytes > MAX_BATCH_BYTES):
                return taken
            taken.append(log_record)
        if not part:
            break
    return taken


def blocks_of(origin: Origin, records: Sequence[LogRecord], block_records: int) -> Iterator[Block]:
    """Cut a batch into blocks."""
    for first in range(0, len(records), block_records):
        yield Block(origin, records[first : first + block_records])
