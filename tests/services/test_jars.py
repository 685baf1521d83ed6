"""The jars of both services are there, and what they say of their versions is what the files that name them say."""

import re
from pathlib import Path

import pytest

from streaming.flink.job import OLDEST_JAVA
from tests.services.maven import flink_jars, kafka_jars

pytestmark = pytest.mark.services


def version_of(pom: Path, name: str) -> str:
    found = re.search(rf"<{name}\.version>(.+)</{name}\.version>", pom.read_text())
    assert found
    return found[1]


def test_the_jars_of_flink_are_those_of_the_pom() -> None:
    names = {path.name for path in flink_jars().iterdir()}
    pom = Path(__file__).parent / "flink" / "pom.xml"
    beam = version_of(pom, "beam")
    assert {f"beam-sdks-java-io-kafka-{beam}.jar", f"flink-runtime-{version_of(pom, 'flink')}.jar"} <= names
    assert tuple(map(int, beam.split(".")[:2])) >= OLDEST_JAVA


def test_the_jars_of_kafka_are_those_of_the_pom() -> None:
    names = {path.name for path in kafka_jars().iterdir()}
    assert f"kafka_2.13-{version_of(Path(__file__).parent / 'kafka' / 'pom.xml', 'kafka')}.jar" in names
