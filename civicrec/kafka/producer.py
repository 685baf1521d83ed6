"""A producer of Kafka that delivers each record once and gives up sooner than the client would by itself."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from civicrec.kafka.connection import RETRY_MS, check_contact, connection, kafka_faults
from civicrec.settings import KafkaSettings

#: How long the client tries to find its way, to be answered, to deliver a batch: each longer than what it waits for,
#: and all short beside an outage, so that its end is met by a new producer.
_MAX_BLOCK_MS = 10_000
_REQUEST_MS = 10_000
DELIVERY_MS = 20_000


def open_producer(settings: KafkaSettings, **options: Any) -> KafkaProducer:
    """Connect a producer; `options` are further ones of the client.

    Raises
    ------
    civicrec.errors.Unavailable
        If no broker answers.
    """
    check_contact(settings)
    with kafka_faults(settings):
        return KafkaProducer(
            **connection(settings),
            # Said aloud: a value in conflict with idempotence is refused then, instead of switching it off.
            enable_idempotence=True,
            acks="all",
            max_block_ms=_MAX_BLOCK_MS,
            request_timeout_ms=_REQUEST_MS,
            delivery_timeout_ms=DELIVERY_MS,
            retry_backoff_ms=RETRY_MS,
            allow_auto_create_topics=False,
            metrics_enabled=False,  # the client's own; nobody reads them and each record would pay for them
            **options,
        )


def drop(producer: KafkaProducer) -> None:
    """Drop the connection at once; what is on its way may or may not arrive, an open transaction is given up."""
    producer._sender.force_close()  # else the client goes on trying to deliver, in a thread nobody ends
    with suppress(KafkaError):
        producer.close(timeout=0)
