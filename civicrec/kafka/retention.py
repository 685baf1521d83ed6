"""How long the brokers keep what is in the topics: nothing is taken out of them, it ends.

In: the topics as the brokers have them. Out: for each, by when a record of a time is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from civicrec.kafka.connection import check_contact, connection, kafka_faults
from civicrec.settings import KafkaSettings

#: Between two looks of a broker for segments that are over (`log.retention.check.interval.ms`), and the removal of a
#: file after it (`file.delete.delay.ms`).
_LOOKS = timedelta(minutes=6)


def gone_by(settings: KafkaSettings, at: datetime) -> dict[str, datetime | None]:
    """Return topic → when all that stands in it at a time is gone from the brokers' disks; ``None``: never.

    Records go by segments: one is closed after ``segment.ms`` at the latest, and removed ``retention.ms`` after its
    last record.

    Raises
    ------
    civicrec.errors.Unavailable
        If the brokers do not answer.
    """
    topics = (settings.events_topic, settings.dead_topic)
    check_contact(settings)
    with kafka_faults(settings):
        client = KafkaAdminClient(**connection(settings))
        try:
            asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
            told = client.describe_configs(asked, config_filter="all")
        finally:
            client.close()
    return {topic: _gone(values, at) for topic, values in _values_of(told).items()}


def _values_of(told: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return topic → name of a setting → its value, from kind of resource → topic → setting → facts."""
    return {
        topic: {name: str(facts["value"]) for name, facts in values.items()}
        for of_kind in told.values()
        for topic, values in of_kind.items()
    }


def _gone(values: dict[str, str], at: datetime) -> datetime | None:
    kept_ms, closed_ms = int(values["retention.ms"]), int(values["segment.ms"])
    return None if kept_ms < 0 else at + timedelta(milliseconds=kept_ms + closed_ms) + _LOOKS
