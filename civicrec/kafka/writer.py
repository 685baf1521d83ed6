"""The writer of a log into Kafka: records and the position they reach, in one transaction.

In: a range of a log's records. Out: each of them in the events topic exactly once, for readers of what is committed,
whenever this process or a broker dies. The shape is that of Kafka Connect's source connectors (KIP-618).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import msgspec
from kafka.errors import KafkaTimeoutError

from civicrec.eventlog.ports import LogRecord
from civicrec.kafka.connection import MAX_RECORD_BYTES, kafka_faults, make_topics
from civicrec.kafka.position import Position
from civicrec.kafka.producer import DELIVERY_MS, drop, open_producer
from civicrec.kafka.reader import KafkaReader, headers_of
from civicrec.settings import KafkaSettings

_LINGER_MS = 5
_BATCH_BYTES = 128 * 1024
#: After this Kafka gives a transaction up whose writer has died; its successor does so at once.
_TRANSACTION_MS = 60_000
#: How long a commit may take: longer than the delivery that it waits for.
_COMMIT_MS = DELIVERY_MS + 10_000


class KafkaWriter:
    """One log's writer. A second one for the same log, anywhere, ends the first: its next write raises.

    Attributes
    ----------
    positions
        What Kafka held under the log's name when this writer took over, one for each generation.

    Raises
    ------
    civicrec.errors.Unavailable
        From every method, for every fault. After one the writer is of no more use: whether the last write counts is
        known to Kafka alone, so close it, and a new one will tell by its `positions`.
    """

    def __init__(self, settings: KafkaSettings, log: str) -> None:
        self._settings = settings
        self._producer = open_producer(
            settings,
            transactional_id=f"civicrec-{log}",
            transaction_timeout_ms=_TRANSACTION_MS,
            linger_ms=_LINGER_MS,
            batch_size=_BATCH_BYTES,
            max_request_size=MAX_RECORD_BYTES,
        )
        try:
            make_topics(settings)
            with kafka_faults(settings):
                self._producer.init_transactions()
            self.positions = self._read_positions(log)
        except BaseException:
            self.close()
            raise

    def write(self, records: Sequence[LogRecord], reached: Position) -> None:
        """Put the records and the position they reach into Kafka, all or nothing; return when that is decided.

        Readers see them a moment later, when the markers of the commit have reached each partition.
        """
        topic = self._settings.events_topic
        with kafka_faults(self._settings):
            self._producer.begin_transaction()
            sent = []
            for logged in records:
                record = logged.record
                headers = headers_of(reached.log, logged.offset, record.n_events, reached.generation)
                sent.append(self._send(topic, record.key.encode(), record.value, headers))
            sent.append(self._send(self._settings.position_topic, _key(reached), msgspec.json.encode(reached)))
            self._producer.flush(timeout=_COMMIT_MS / 1_000)
            _check_delivered(sent)
            self._commit()

    def close(self) -> None:
        """Drop the connection at once; an open transaction is left to be given up."""
        drop(self._producer)

    def _commit(self) -> None:
        # As `commit_transaction`, which waits without an end: after an outage of two minutes it waited for ever.
        result = self._producer._transaction_manager.begin_commit()
        self._producer._sender.wakeup()
        if not result.wait(timeout_ms=_COMMIT_MS):
            raise KafkaTimeoutError(f"no commit in {_COMMIT_MS // 1000} s")

    def _send(self, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]] | None = None) -> Any:
        sent = self._producer.send(topic, key=key, value=value, headers=headers)
        if sent.failed():  # at once: to offer the others to a client that refuses may take its patience for each
            raise sent.exception
        return sent

    def _read_positions(self, log: str) -> list[Position]:
        with closing(KafkaReader(self._settings, self._settings.position_topic)) as reader:
            raw_records, _ = reader.read_raw({}, limit=2**31)
        newest = {raw.key: msgspec.json.decode(raw.value, type=Position) for raw in raw_records}
        return [position for position in newest.values() if position.log == log]


def _check_delivered(sent: Iterable[Any]) -> None:
    """Raise unless each record was taken: the client's transaction commits without those it gave up delivering."""
    for one in sent:
        if not one.succeeded():
            raise one.exception or KafkaTimeoutError("a record was not delivered")


def _key(position: Position) -> bytes:
    return f"{position.log}.{position.generation}".encode()
