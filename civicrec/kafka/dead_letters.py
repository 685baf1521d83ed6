"""Dead letters in a compacted topic of Kafka, for consumers that act on what the stream refused.

In: rows of ``dead_letters``. Out: one living record for each, under a key that names it, so that one written again
replaces itself; one that was recovered is taken away.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka import KafkaProducer

from civicrec.errors import Unavailable
from civicrec.kafka.connection import MAX_DEAD_LETTER_BYTES, kafka_faults
from civicrec.kafka.producer import DELIVERY_MS, drop, open_producer
from civicrec.settings import KafkaSettings

#: Columns of ``dead_letters`` that travel as headers, as text; the original bytes are the value.
_HEADERS = ("log", "log_offset", "piece", "seen_at", "reason", "detail", "step", "version", "n_events")


class KafkaDeadLetters:
    """Writes to the topic of dead letters; connects at the first one. May be used by several threads.

    Raises
    ------
    civicrec.errors.Unavailable
        From every method, if a record is not confirmed; the next call connects again.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._producer: KafkaProducer | None = None

    def put(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write rows, given as columns of ``dead_letters``, and return when all are confirmed."""
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        self._write(
            (
                dead_letter_key(row["log"], row["log_offset"], row["piece"]),
                row["raw"],
                [(name, str(row[name]).encode()) for name in _HEADERS],
            )
            for row in rows
        )

    def remove(self, keys: Iterable[bytes]) -> None:
        """Take dead letters away: compaction forgets them."""
        self._write((key, None, []) for key in keys)

    def close(self) -> None:
        """Drop the connection, if there is one."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            drop(producer)

    def _write(self, records: Iterable[tuple[bytes, bytes | None, list[tuple[str, bytes]]]]) -> None:
        try:
            producer = self._open()
            with kafka_faults(self._settings):
                topic = self._settings.dead_topic
                sent = [producer.send(topic, key=key, value=raw, headers=facts) for key, raw, facts in records]
                for one in sent:
                    one.get(DELIVERY_MS / 1_000)
        except Unavailable:
            self.close()
            raise

    def _open(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                self._producer = open_producer(self._settings, max_request_size=MAX_DEAD_LETTER_BYTES)
            return self._producer


def dead_letter_key(log: str, log_offset: int, piece: int) -> bytes:
    """Return the key of a dead letter's record: those of its row in ``dead_letters``."""
    return f"{log}/{log_offset}/{piece}".encode()
