"""Kafka: how to reach it, the topics, and a reader of what is committed.

In: settings, and per partition the offset to read from. Out: records, and where to go on. The writer is
`kafka_writer.py`; both are imported only where ``kafka.bootstrap`` is set.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, TopicAlreadyExistsError

from civicrec.errors import ConfigError, Unavailable
from civicrec.eventlog.ports import Record
from civicrec.settings import KafkaSettings

#: A record of the log holds a request of up to 1 MiB plus what the collector added to each event.
MAX_RECORD_BYTES = 2 * 1024 * 1024
#: The client's pause before asking again, also while a transaction's markers are being written: its default of 100 ms
#: would make every transaction that follows another take 100 ms instead of 6.
RETRY_MS = 5
#: How long a first contact may take: long enough for a broker that is starting, short enough to say that none is there.
_CONTACT_MS = 5_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A record of the events topic.

    Attributes
    ----------
    partition, offset
        Where it stands. Offsets of a partition grow, with gaps: a transaction's end takes one too.
    log, log_offset
        Name of the collector's log it comes from, and its offset there.
    record
        The batch, as in the log.
    """

    partition: int
    offset: int
    log: str
    log_offset: int
    record: Record


@contextmanager
def kafka_faults(settings: KafkaSettings) -> Iterator[None]:
    """Raise `Unavailable`, naming the brokers, for whatever the client raises."""
    try:
        yield
    except (KafkaError, OSError) as error:
        detail = str(error) or type(error).__name__
        raise Unavailable(f"Kafka at {settings.bootstrap} failed: {detail}; check the brokers") from error


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every client needs to reach the brokers."""
    options: dict[str, Any] = {
        "bootstrap_servers": [broker.strip() for broker in settings.bootstrap.split(",")],
        "client_id": "civicrec",
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": _CONTACT_MS,
        "reconnect_backoff_max_ms": 1_000,  # a broker that is back is noticed within a second
    }
    if settings.ca_file is not None:
        options["ssl_cafile"] = str(settings.ca_file)
    if settings.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.user
        options["sasl_plain_password"] = settings.password.get_secret_value()
    return options


def check_contact(settings: KafkaSettings) -> None:
    """Open a connection to one of the brokers and close it.

    To be called before a client is made: an admin or consumer client that finds no broker leaves its thread and
    sockets behind (kafka-python 3.0.12), which would pile up while a broker is down.

    Raises
    ------
    Unavailable
        If none of them listens.
    """
    trouble: OSError | None = None
    for broker in connection(settings)["bootstrap_servers"]:
        host, _, port = broker.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONTACT_MS / 1000).close()
            return
        except OSError as error:
            trouble = error
        except ValueError:
            raise ConfigError(f"CIVICREC_KAFKA__BOOTSTRAP: got {broker!r}; expected host:port") from None
    with kafka_faults(settings):
        raise trouble or OSError("no broker is named")


def make_topics(settings: KafkaSettings) -> None:
    """Create the two topics that are missing; those that exist stay as they are.

    Raises
    ------
    Unavailable
        If no broker answers, or it refuses.
    """
    common = {"min.insync.replicas": str(max(1, settings.replication - 1))}
    wanted: dict[str, dict[str, Any]] = {
        settings.events_topic: {
            "num_partitions": settings.partitions,
            "configs": common
            | {
                "cleanup.policy": "delete",
                "retention.ms": str(int(settings.retention_days * _DAY_MS)),
                "max.message.bytes": str(MAX_RECORD_BYTES),
            },
        },
        # Small segments and a short memory for deletions: all but the newest position of each log goes within
        # minutes, so that a start reads thousands of records at most.
        settings.position_topic: {
            "num_partitions": 1,
            "configs": common
            | {
                "cleanup.policy": "compact",
                "segment.bytes": str(1024 * 1024),
                "min.cleanable.dirty.ratio": "0.1",
                "delete.retention.ms": "60000",
            },
        },
    }
    with kafka_faults(settings):
        client = KafkaAdminClient(**connection(settings))
        try:
            known = set(client.list_topics())
            for name, options in wanted.items():
                if name not in known:
                    _make_topic(client, name, {**options, "replication_factor": settings.replication})
        finally:
            client.close()


def _make_topic(client: KafkaAdminClient, name: str, options: Mapping[str, Any]) -> None:
    with suppress(TopicAlreadyExistsError):  # another collector was quicker
        client.create_topics({name: options}, wait_for_metadata=True)


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
            found = self._consumer.beginning_offsets([self._at(number) for number in self._partitions])
        return {at.partition: offset for at, offset in found.items()}

    def ends(self) -> dict[int, int]:
        """Return partition → offset behind the last committed record."""
        with kafka_faults(self._settings):
            found = self._consumer.end_offsets([self._at(number) for number in self._partitions])
        return {at.partition: offset for at, offset in found.items()}

    def read_raw(self, start: Mapping[int, int], limit: int = 100_000) -> tuple[list[Any], dict[int, int]]:
        """Return committed records from the given offsets (0 if not given) to the ends as of now, and where to go on.

        The records are those of the client (`partition`, `offset`, `key`, `value`, `headers`), at least `limit` of
        them if there are so many, in order within each partition.
        """
        ends = self.ends()
        with kafka_faults(self._settings):
            for number in self._partitions:
                self._consumer.seek(self._at(number), start.get(number, 0))
            found: list[Any] = []
            reached = {number: start.get(number, 0) for number in self._partitions}
            while len(found) < limit and any(reached[number] < end for number, end in ends.items()):
                for records in self._consumer.poll(timeout_ms=500, max_records=limit).values():
                    found += records
                reached = {number: self._consumer.position(self._at(number)) for number in self._partitions}
        return found, reached

    def read(self, start: Mapping[int, int], limit: int = 100_000) -> tuple[list[TopicRecord], dict[int, int]]:
        """Return the event batches from the given offsets on, and where to go on; see `read_raw`."""
        found, reached = self.read_raw(start, limit)
        return [_topic_record(raw) for raw in found], reached

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _at(self, number: int) -> TopicPartition:
        return TopicPartition(self._topic, number)


def headers_of(log: str, offset: int, n_events: int) -> list[tuple[str, bytes]]:
    """Return the headers that a record of the events topic carries."""
    return [("log", log.encode()), ("offset", b"%d" % offset), ("n_events", b"%d" % n_events)]


def _topic_record(raw: Any) -> TopicRecord:
    headers: Sequence[tuple[str, bytes]] = raw.headers
    facts = dict(headers)
    return TopicRecord(
        raw.partition, raw.offset, facts["log"].decode(), int(facts["offset"]),
        Record(raw.key.decode(), int(facts["n_events"]), raw.value),
    )  # fmt: skip
