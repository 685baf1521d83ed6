"""The broker of the tests, from the jars of ``tests/services/kafka/pom.xml``."""

from pathlib import Path

from operations.harness.kafka import OwnKafka
from tests.services.maven import kafka_jars


class Broker(OwnKafka):
    """A broker from Maven's jars; skips the test where there are none."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, kafka_jars())
