"""Kafka stops, dies and comes back under load, the collector dies too: every event is in the topic once, in order."""

import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from kafka import KafkaConsumer, TopicPartition

from civicrec.accounting.books import read_books
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import load
from civicrec.kafka.connection import connection
from civicrec.kafka.reader import KafkaReader, TopicRecord
from civicrec.metrics import quantile
from civicrec.settings import Settings
from tests.faults.backlog import wait_forwarded
from tests.faults.load import Sender, load_on, n_sent
from tests.running import RunningStack, running_stack, settings_on_free_ports, wait_for
from tests.services.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.stack]


@pytest.fixture
def mortal(broker: Broker) -> Iterator[Broker]:
    """The broker, which the test may stop and kill; it runs again afterwards."""
    yield broker
    if not broker.is_running:
        broker.start()


@contextmanager
def collecting(home: Path, broker: Broker, ack: str) -> Iterator[RunningStack]:
    kafka = broker.settings(uuid4().hex[:8])
    settings = settings_on_free_ports(home).model_copy(update={"kafka": kafka})
    env = {
        "CIVICREC_KAFKA__BOOTSTRAP": kafka.bootstrap, "CIVICREC_KAFKA__EVENTS_TOPIC": kafka.events_topic,
        "CIVICREC_KAFKA__POSITION_TOPIC": kafka.position_topic, "CIVICREC_KAFKA__DEAD_TOPIC": kafka.dead_topic,
        "CIVICREC_COLLECTOR__ACK": ack,
        # There is no stream here that the events would wait for.
        "CIVICREC_ALARMS__WAITING_S": "86400",
    }  # fmt: skip
    with running_stack(home, only=("collect",), settings=settings, env=env) as stack:
        wait_ready(stack, "ok")
        yield stack


def wait_ready(stack: RunningStack, status: str) -> None:
    wait_for(lambda: ready(stack)["status"] == status, 120, f"readyz to say {status}")


def ready(stack: RunningStack) -> dict[str, Any]:
    try:
        answer = httpx.get(f"{stack.collector_url}/readyz")
    except httpx.TransportError:
        return {"status": "away"}
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]


def topic(settings: Settings) -> list[TopicRecord]:
    with closing(KafkaReader(settings.kafka)) as reader:
        return reader.read({}, limit=10_000_000)[0]


def ends(settings: Settings, isolation: str) -> list[int]:
    """Return where each partition of the topic ends: before what hangs in a transaction, or behind all there is."""
    at = [TopicPartition(settings.kafka.events_topic, number) for number in range(settings.kafka.partitions)]
    with closing(KafkaConsumer(**connection(settings.kafka), group_id=None, isolation_level=isolation)) as consumer:
        found = consumer.end_offsets(at)
    return [found[one] for one in at]


def assert_all_is_there_once_and_in_order(stack: RunningStack, senders: list[Sender]) -> None:
    wait_forwarded(stack.settings)
    with closing(SqliteEventLog(stack.settings.log_path, readonly=True)) as log:
        kept = log.read(0, log.head())
    wait_for(
        lambda: len(topic(stack.settings)) >= len(kept), 300,
        lambda: f"the last commit of {len(kept)} records: partitions end at {ends(stack.settings, 'read_committed')}, "
        f"with what is not committed at {ends(stack.settings, 'read_uncommitted')}",
    )  # fmt: skip
    found = topic(stack.settings)
    assert sorted((one.log_offset, one.record.value) for one in found) == [
        (one.offset, one.record.value) for one in kept
    ]
    sent = {visitor: ids for sender in senders for visitor, ids in sender.sent.items()}
    arrived: dict[str, list[str]] = {visitor: [] for visitor in sent}
    for one in found:  # in order within each partition, and a visitor's events are in one
        arrived[one.record.key] += [str(event.event_id) for event in load(one.record.value)[0]]
    assert arrived == sent
    books = read_books(stack.settings)
    assert books.balanced
    assert books.accepted == books.forwarded == n_sent(senders)


def sit_out_an_outage(home: Path, broker: Broker, ack: str, outage_s: float, at_least: int, pause_s: float) -> None:
    with collecting(home, broker, ack) as stack:
        with load_on(stack.collector_url, stack.settings, pause_s) as senders:
            wait_for(lambda: (read_books(stack.settings).forwarded or 0) > 500, 60, "the first forwarded events")
            began = time.monotonic()
            broker.stop()
            wait_ready(stack, "degraded")
            time.sleep(max(0.0, began + outage_s - time.monotonic()))
            state = ready(stack)
            assert state["status"] == "degraded"
            assert "events wait in the log" in state["detail"]
            backlog = read_books(stack.settings).unforwarded
            assert backlog
            assert backlog > 500
            broker.start()
            back = time.monotonic()
            wait_ready(stack, "ok")
            drained = time.monotonic()
            wait_for(lambda: n_sent(senders) >= at_least, 600, f"{at_least} events")
        answers = [answer for sender in senders for answer in sender.answers]
        assert sum(sender.repeats for sender in senders) == 0
        during = [seconds for moment, seconds, _ in answers if began <= moment <= back]
        p99_ms = 1000 * quantile(during, 0.99)
        print(  # noqa: T201  # shown by `pytest -s`, the figures of docs/kafka.md
            f"\nack={ack}: {n_sent(senders)} events; while Kafka was away {len(during)} answers, "
            f"p50 {1000 * quantile(during, 0.5):.1f} ms, p99 {p99_ms:.1f} ms, max {1000 * max(during):.0f} ms; "
            f"{backlog} events drained {drained - back:.1f} s after it was back"
        )
        assert len(during) > 100
        assert p99_ms < 1_000
        assert_all_is_there_once_and_in_order(stack, senders)


def kill_in_turn(home: Path, broker: Broker, ack: str, rounds: int, at_least: int, pause_s: float) -> None:
    rng = random.Random(rounds)
    with collecting(home, broker, ack) as stack:
        with load_on(stack.collector_url, stack.settings, pause_s) as senders:
            for _ in range(rounds):
                time.sleep(rng.uniform(0.5, 2.0))
                old = stack.kill("collect")
                stack.wait_restarted("collect", old, 120)
                if rng.random() < 0.7:
                    wait_ready(stack, "ok")
                time.sleep(rng.uniform(0.2, 1.0))
                broker.kill()
                time.sleep(rng.uniform(0.0, 1.0))
                broker.start()
            wait_for(lambda: n_sent(senders) >= at_least, 600, f"{at_least} events")
        assert {status for sender in senders for status in sender.statuses} == {200}
        assert_all_is_there_once_and_in_order(stack, senders)


def kill_alone(home: Path, broker: Broker, name: str, kills: int, at_least: int, pause_s: float) -> None:
    rng = random.Random(name)
    took: list[float] = []
    with collecting(home, broker, "disk") as stack:
        with load_on(stack.collector_url, stack.settings, pause_s) as senders:
            for n in range(1, kills + 1):
                wait_for(lambda n=n: n_sent(senders) >= at_least * n // (kills + 1), 300, "the load")
                time.sleep(rng.uniform(0.0, 1.0))
                began = time.monotonic()
                if name == "collect":
                    stack.wait_restarted("collect", stack.kill("collect"))
                else:
                    broker.kill()
                    broker.start()
                accepted = read_books(stack.settings).accepted
                wait_for(lambda most=accepted: (read_books(stack.settings).forwarded or 0) > most, 120, "forwarding")
                took.append(time.monotonic() - began)
            wait_for(lambda: n_sent(senders) >= at_least, 600, f"{at_least} events")
        again = [round(seconds, 1) for seconds in took]
        print(f"\n{name}: {n_sent(senders)} events, forwarded again {again} s after its end")  # noqa: T201  # shown by `pytest -s`
        assert {status for sender in senders for status in sender.statuses} == {200}
        assert_all_is_there_once_and_in_order(stack, senders)
        assert max(took) < 60


@pytest.mark.timeout(300)
def test_outage_of_kafka_refuses_nothing_and_loses_nothing(tmp_path: Path, mortal: Broker) -> None:
    sit_out_an_outage(tmp_path, mortal, "kafka", outage_s=8, at_least=20_000, pause_s=0.02)


@pytest.mark.timeout(300)
def test_kill_nine_of_collector_and_broker_in_turn_loses_and_doubles_nothing(tmp_path: Path, mortal: Broker) -> None:
    kill_in_turn(tmp_path, mortal, "disk", rounds=1, at_least=10_000, pause_s=0.02)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("ack", ["disk", "kafka"])
def test_two_minutes_without_kafka_refuse_nothing_and_lose_nothing(tmp_path: Path, mortal: Broker, ack: str) -> None:
    sit_out_an_outage(tmp_path, mortal, ack, outage_s=120, at_least=100_000, pause_s=0.01)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_kill_nine_again_and_again_loses_and_doubles_nothing_in_kafka(tmp_path: Path, mortal: Broker) -> None:
    kill_in_turn(tmp_path, mortal, "kafka", rounds=10, at_least=100_000, pause_s=0.02)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["collect", "broker"])
def test_kill_nine_of_collector_or_broker_alone_loses_and_doubles_nothing_in_kafka(
    tmp_path: Path, mortal: Broker, name: str
) -> None:
    kill_alone(tmp_path, mortal, name, kills=5, at_least=100_000, pause_s=0.02)
