"""Kafka: how to reach it, and the topics it must have.

In: settings. Out: what every client needs, and three topics. The other ``kafka_*.py`` stand on this; all of them are
imported only where ``kafka.bootstrap`` is set.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from civicrec.errors import Unavailable
from civicrec.security.tls import context_of
from civicrec.settings import KafkaSettings

#: A record of the log holds a request of up to 1 MiB plus what the collector added to each event.
MAX_RECORD_BYTES = 2 * 1024 * 1024
#: A dead letter may be such a record as a whole, and says why besides.
MAX_DEAD_LETTER_BYTES = MAX_RECORD_BYTES + 64 * 1024
#: The client's pause before asking again, also while a transaction's markers are being written: its default of 100 ms
#: would make every transaction that follows another take 100 ms instead of 6.
RETRY_MS = 5
#: How long a first contact may take: long enough for a broker that is starting, short enough to say that none is there.
_CONTACT_MS = 5_000
_DAY_MS = 86_400_000


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
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = context_of(settings)
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
    with kafka_faults(settings):
        raise trouble or OSError("no broker is named")


def make_topics(settings: KafkaSettings) -> None:
    """Create those of the three topics that are missing; one that exists stays as it is.

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
        # As long as the events: what was refused may name a person, too.
        settings.dead_topic: {
            "num_partitions": 1,
            "configs": common
            | {
                "cleanup.policy": "compact,delete",
                "retention.ms": str(int(settings.retention_days * _DAY_MS)),
                "max.message.bytes": str(MAX_DEAD_LETTER_BYTES),
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
