"""Kafka behind the collector."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from civicrec.settings.fields import Addresses, Group


class KafkaSettings(Group):
    """Kafka behind the collector; see docs/kafka.md."""

    bootstrap: Addresses = ""
    """Brokers to ask first, ``host:port`` with commas between; empty switches Kafka off."""
    events_topic: str = "events.raw.v1"
    """Topic of event batches, keyed by actor."""
    position_topic: str = "events.position.v1"
    """Compacted topic that says how far each collector's log has been forwarded."""
    dead_topic: str = "events.dead.v1"
    """Compacted topic of what a stream on Flink refused, beside the warehouse's ``dead_letters``."""
    partitions: int = Field(default=6, ge=1, le=1_000)
    """Partitions of the events topic when it is created; more later would break the order per actor."""
    replication: int = Field(default=1, ge=1, le=9)
    """Copies of each topic when it is created; a cluster wants 3, of which all but one must confirm a write."""
    retention_days: float = Field(default=7, gt=0, le=3_650)
    """Days the topics of events and of dead letters keep their records when they are created."""
    ack_timeout_ms: int = Field(default=500, ge=1, le=60_000)
    """With ``collector.ack = kafka``, how long an answer waits for Kafka before the disk alone will do, ms."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the brokers."""
    ca_file: Path | None = None
    """Certificate authority of the brokers, PEM; none means the system's."""
    cert_file: Path | None = None
    """Certificate to show to the brokers, PEM, where they ask for one."""
    key_file: Path | None = None
    """Key of that certificate, PEM, without a password; none means it stands in the same file."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How to log in with a SASL protocol."""
    user: str = ""
    """User name for a SASL protocol."""
    password: SecretStr = SecretStr("")
    """Password for a SASL protocol."""
