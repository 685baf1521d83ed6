"""From the log, or Kafka's topic, to blocks: how much makes a batch, and how a batch is cut."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from civicrec.accounting.progress import Partition
from civicrec.eventlog.ports import EventLog, LogRecord
from civicrec.settings import StreamSettings
from streaming.blocks import Block, Origin

if TYPE_CHECKING:
    from civicrec.kafka.reader import TopicRecord

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


def topic_blocks(records: Sequence[TopicRecord], partitions: int, block_records: int) -> Iterator[Block]:
    """Gather records of the topic by log and partition, and cut each gathering into blocks."""
    by_origin: dict[Origin, list[TopicRecord]] = defaultdict(list)
    for one in records:
        by_origin[Origin(one.log, Partition(partitions, one.partition))].append(one)
    for origin, mine in by_origin.items():
        for first in range(0, len(mine), block_records):
            yield topic_block(origin, mine[first : first + block_records])


def topic_block(origin: Origin, records: Sequence[TopicRecord]) -> Block:
    """Make a block of records of one log and partition."""
    return Block(origin, [LogRecord(one.log_offset, one.record) for one in records], records[-1].offset)
