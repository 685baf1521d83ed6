"""From Kafka's events topic to blocks: Beam's own source, in Java, and the cut of a bundle into blocks.

In: the topic, what is committed only. Out: `Block`s of one log and partition each, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io.kafka import ReadFromKafka
from apache_beam.transforms.window import GlobalWindows

from civicrec.accounting.progress import Partition
from civicrec.errors import ConfigError
from civicrec.kafka.reader import TopicRecord, topic_record
from civicrec.settings import FlinkSettings, KafkaSettings
from streaming.blocks import Block, Origin
from streaming.sources import topic_block


def read_topic(pipeline: Any, kafka: KafkaSettings, flink: FlinkSettings, partitions: int, block_records: int) -> Any:
    """Return a PCollection of the topic's blocks, from its start or from where the job's checkpoint stands."""
    read = ReadFromKafka(
        consumer_config=consumer_config(kafka, flink.job_name),
        topics=[kafka.events_topic],
        with_metadata=True,
        expansion_service=flink.expansion_service,
        # Only checkpoints say where to go on: the group's offsets know nothing of what was not yet written.
        commit_offset_in_finalize=False,
    )
    rows = pipeline | "read what is committed in the topic" >> read
    return rows | "cut into blocks" >> beam.ParDo(CutIntoBlocks(partitions, block_records))


def consumer_config(kafka: KafkaSettings, group: str) -> dict[str, str]:
    """Return the settings of the Java consumer. A SASL password stands in them, and so in the job's graph."""
    config = {
        "bootstrap.servers": kafka.bootstrap,
        "group.id": group,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
        "security.protocol": kafka.security_protocol,
        "max.poll.records": "2000",
        "fetch.max.wait.ms": "100",
    }
    if kafka.ca_file is not None:
        config |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(kafka.ca_file)}
    if kafka.cert_file is not None:
        if kafka.key_file is not None:
            raise ConfigError(
                "CIVICREC_KAFKA__KEY_FILE: Flink's client of Kafka wants certificate and key in one PEM file; "
                "put the key into CIVICREC_KAFKA__CERT_FILE"
            )
        config |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(kafka.cert_file)}
    if kafka.security_protocol.startswith("SASL"):
        module = "plain.PlainLoginModule" if kafka.sasl_mechanism == "PLAIN" else "scram.ScramLoginModule"
        password = kafka.password.get_secret_value()
        config |= {
            "sasl.mechanism": kafka.sasl_mechanism,
            "sasl.jaas.config": f"org.apache.kafka.common.security.{module} required "
            f"username={_quoted(kafka.user)} password={_quoted(password)};",
        }
    return config


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class CutIntoBlocks(beam.DoFn):
    """Gather a bundle's records by log and partition; a block is full or the bundle's rest."""

    def __init__(self, partitions: int, block_records: int) -> None:
        self._partitions = partitions
        self._block_records = block_records

    def start_bundle(self) -> None:
        """Begin with no record."""
        self._waiting: dict[Origin, list[TopicRecord]] = {}

    def process(self, row: Any) -> Iterator[Block]:
        """Keep a record; yield its block if it is full."""
        headers = ((header.key, header.value) for header in row.headers or ())
        record = topic_record(row.partition, row.offset, row.key, row.value, headers)
        origin = Origin(record.log, Partition(self._partitions, record.partition))
        waiting = self._waiting.setdefault(origin, [])
        waiting.append(record)
        if len(waiting) >= self._block_records:
            yield topic_block(origin, self._waiting.pop(origin))

    def finish_bundle(self) -> Iterator[Any]:
        """Yield the rest."""
        for origin, waiting in self._waiting.items():
            yield GlobalWindows.windowed_value(topic_block(origin, waiting))
        self._waiting = {}
