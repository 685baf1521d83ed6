"""A reader of what is committed in a topic of Kafka, and what a record of the events topic looks like.

In: per partition the offset to read from. Out: records, and where to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition

from civicrec.eventlog.ports import Record
from civicrec.kafka.connection import MAX_RECORD_BYTES, check_contact, connection, kafka_faults
from civicrec.kafka.position import PARTITION_LOG
from civicrec.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A record of the events topic.

    Attributes
    ----------
    partition, offset
        Where it stands. Offsets of a partition grow, with gaps: a transaction's end takes one too.
    log, log_offset
        Name of the collector's log it comes from, and its offset there; a log sent again has its generation behind it.
    record
        The batch, as in the log.
    """

    partition: int
    offset: int
    log: str
    log_offset: int
    record: Record


class KafkaReader:
    """Reads what is committed in a topic, from offsets its caller keeps; belongs to no consumer group.

    Raises
    ------
    civicrec.errors.Unavailable
        From every method, if the brokers do not answer.
    """

    def __init__(self, settings: KafkaSettings, topic: str | None = None) -> None:
        self._settings = settings
        self._topic = topic or settings.events_topic
        check_contact(settings)
        with kafka_faults(settings):
            self._consumer = KafkaConsumer(
                **connection(settings),
                metrics_enabled=False,
                group_id=None,
                enable_auto_commit=False,
                isolation_level="read_committed",
                auto_offset_reset="earliest",  # what retention has removed is passed over
                allow_auto_create_topics=False,
                fetch_max_wait_ms=100,
                max_partition_fetch_bytes=MAX_RECORD_BYTES,
            )
            self._partitions = sorted(self._consumer.partitions_for_topic(self._topic) or ())
            self._consumer.assign([self._at(number) for number in self._partitions])

    def starts(self) -> dict[int, int]:
        """Return partition → oldest offset still kept."""
        with kafka_faults(self._settings):
            offsets = self._consumer.beginning_offsets([self._at(number) for number in self._partitions])
        return {at.partition: offset for at, offset in offsets.items()}

    def ends(self) -> dict[int, int]:
        """Return partition → offset behind the last committed record."""
        with kafka_faults(self._settings):
            offsets = self._consumer.end_offsets([self._at(number) for number in self._partitions])
        return {at.partition: offset for at, offset in offsets.items()}

    def read_raw(self, start: Mapping[int, int], limit: int = 100_000) -> tuple[list[Any], dict[int, int]]:
        """Return committed records from the given offsets (0 if not given) to the ends as of now, and where to go on.

        The records are those of the client (`partition`, `offset`, `key`, `value`, `headers`), at least `limit` of
        them if there are so many, in order within each partition.
        """
        ends = self.ends()
        with kafka_faults(self._settings):
            for number in self._partitions:
                self._consumer.seek(self._at(number), start.get(number, 0))
            messages: list[Any] = []
            reached = {number: start.get(number, 0) for number in self._partitions}
            while len(messages) < limit and any(reached[number] < end for number, end in ends.items()):
                for records in self._consumer.poll(timeout_ms=500, max_records=limit).values():
                    messages += records
                reached = {number: self._consumer.position(self._at(number)) for number in self._partitions}
        return messages, reached

    def read(self, start: Mapping[int, int], limit: int = 100_000) -> tuple[list[TopicRecord], dict[int, int]]:
        """Return the event batches from the given offsets on, and where to go on; see `read_raw`."""
        messages, reached = self.read_raw(start, limit)
        return [topic_record(raw.partition, raw.offset, raw.key, raw.value, raw.headers) for raw in messages], reached

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _at(self, number: int) -> TopicPartition:
        return TopicPartition(self._topic, number)

    @property
    def partitions(self) -> list[int]:
        """Numbers of the topic's partitions; none if there is no such topic."""
        return list(self._partitions)


def headers_of(log: str, offset: int, n_events: int, generation: int = 0) -> list[tuple[str, bytes]]:
    """Return the headers that a record of the events topic carries; `generation` only where a log was sent again."""
    headers = [("log", log.encode()), ("offset", b"%d" % offset), ("n_events", b"%d" % n_events)]
    return [*headers, ("generation", b"%d" % generation)] if generation else headers


def topic_record(
    partition: int, offset: int, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]
) -> TopicRecord:
    """Read a record of the events topic.

    One of another producer, without our headers, is taken for a batch of a log of its own, one for each partition. The
    offsets of a log sent again begin again, so it counts as another log.
    """
    facts = dict(headers)
    log, actor, value = facts.get("log"), (key or b"").decode(errors="replace"), value or b""
    if log is None:
        return TopicRecord(
            partition, offset, f"{PARTITION_LOG}{partition}", offset + 1, Record(actor, _counted(value), value)
        )
    name = log.decode() + (f".{generation.decode()}" if (generation := facts.get("generation")) else "")
    return TopicRecord(partition, offset, name, int(facts["offset"]), Record(actor, int(facts["n_events"]), value))


def _counted(value: bytes) -> int:
    try:
        return max(1, len(msgspec.json.decode(value, type=list[msgspec.Raw])))
    except msgspec.MsgspecError:
        return 1
