"""Dead letters on a real broker: each one under its key, replaced and taken away, and no fault passed over."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from civicrec.errors import Unavailable
from civicrec.kafka.connection import MAX_RECORD_BYTES, make_topics
from civicrec.kafka.dead_letters import KafkaDeadLetters, dead_letter_key
from civicrec.kafka.reader import KafkaReader
from civicrec.settings import KafkaSettings
from tests.running import free_ports
from tests.services.broker import Broker

pytestmark = pytest.mark.kafka


@pytest.fixture
def kafka(broker: Broker) -> Iterator[KafkaSettings]:
    """Settings with topics of this test alone."""
    settings = broker.settings(uuid4().hex[:8])
    make_topics(settings)
    return settings


def columns_of(*offsets: int, raw: bytes = b"\x00 poison", **fields: Any) -> dict[str, list[Any]]:
    row = {
        "log": "log", "piece": 1, "seen_at": 1_700_000_000_000, "reason": "bad_json", "detail": "第 1 列",
        "step": "parse", "version": "1.0", "raw": raw, "n_events": 2, **fields,
    }  # fmt: skip
    return {"log_offset": list(offsets), **{name: [value] * len(offsets) for name, value in row.items()}}


def dead_letters_in(kafka: KafkaSettings) -> list[Any]:
    with closing(KafkaReader(kafka, kafka.dead_topic)) as reader:
        return reader.read_raw({})[0]


def living(kafka: KafkaSettings) -> dict[bytes, bytes]:
    """What compaction leaves."""
    return {
        key: value for key, value in {raw.key: raw.value for raw in dead_letters_in(kafka)}.items() if value is not None
    }


def test_a_dead_letter_carries_the_original_bytes_and_all_that_is_known_of_it(kafka: KafkaSettings) -> None:
    with closing(KafkaDeadLetters(kafka)) as dead_letters:
        dead_letters.put(columns_of(7))
    (found,) = dead_letters_in(kafka)
    assert (found.key, found.value) == (b"log/7/1", b"\x00 poison")
    assert {name: value.decode() for name, value in found.headers} == {
        "log": "log", "log_offset": "7", "piece": "1", "seen_at": "1700000000000", "reason": "bad_json",
        "detail": "第 1 列", "step": "parse", "version": "1.0", "n_events": "2",
    }  # fmt: skip


def test_one_written_again_replaces_itself_and_one_recovered_goes(kafka: KafkaSettings) -> None:
    with closing(KafkaDeadLetters(kafka)) as dead_letters:
        dead_letters.put(columns_of(1, 2, 3))
        dead_letters.put(columns_of(2, 3, raw=b"again"))
        dead_letters.remove([dead_letter_key("log", 3, 1)])
    assert living(kafka) == {b"log/1/1": b"\x00 poison", b"log/2/1": b"again"}


def test_the_largest_record_refused_as_a_whole_is_taken(kafka: KafkaSettings) -> None:
    with closing(KafkaDeadLetters(kafka)) as dead_letters:
        dead_letters.put(columns_of(1, raw=b"x" * (MAX_RECORD_BYTES - 100), detail="y" * 1_000))
    assert len(living(kafka)[b"log/1/1"]) == MAX_RECORD_BYTES - 100


def test_threads_share_one_connection_and_lose_nothing(kafka: KafkaSettings) -> None:
    with closing(KafkaDeadLetters(kafka)) as dead_letters:
        threads = [
            threading.Thread(target=lambda n=n: dead_letters.put(columns_of(*range(n * 50, n * 50 + 50))))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert living(kafka).keys() == {dead_letter_key("log", n, 1) for n in range(200)}


def test_a_topic_that_takes_nothing_is_told_and_the_next_call_connects_anew(
    kafka: KafkaSettings, broker: Broker
) -> None:
    client = KafkaAdminClient(bootstrap_servers=broker.address)
    small = kafka.model_copy(update={"dead_topic": f"{kafka.dead_topic}.small"})
    client.create_topics(
        {small.dead_topic: {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": "1000"}}}
    )
    client.close()
    with closing(KafkaDeadLetters(small)) as dead_letters:
        with pytest.raises(Unavailable, match="TooLarge"):
            dead_letters.put(columns_of(1, raw=b"x" * 5_000))
        dead_letters.put(columns_of(2))
    assert living(small) == {b"log/2/1": b"\x00 poison"}


def test_a_broker_that_is_not_there_is_told_with_its_address() -> None:
    (port,) = free_ports(1)
    dead_letters = KafkaDeadLetters(
        KafkaSettings(bootstrap=f"127.0.0.1:{port}")
    )  # says nothing until there is a dead letter
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        dead_letters.put(columns_of(1))


def test_the_topic_is_compacted_and_forgets_as_the_events_do(kafka: KafkaSettings, broker: Broker) -> None:
    client = KafkaAdminClient(bootstrap_servers=broker.address)
    found = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, kafka.dead_topic)])
    client.close()
    assert "compact,delete" in str(found)
    assert str(7 * 86_400_000) in str(found)
