"""Writer and reader on a real broker: each record once, whatever becomes of the writers."""

import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaTimeoutError
from kafka.future import Future

from civicrec.errors import Unavailable
from civicrec.eventlog.ports import LogRecord, Record
from civicrec.kafka import writer as kafka_writer
from civicrec.kafka.position import Position
from civicrec.kafka.reader import KafkaReader, TopicRecord
from civicrec.kafka.writer import KafkaWriter
from civicrec.settings import KafkaSettings
from tests.running import free_ports, wait_for
from tests.services.broker import Broker

pytestmark = pytest.mark.kafka


@pytest.fixture
def kafka(broker: Broker) -> Iterator[KafkaSettings]:
    """Settings with topics of this test alone."""
    return broker.settings(uuid4().hex[:8], partitions=3)


def some_records(first: int, last: int, actors: int = 5) -> list[LogRecord]:
    return [LogRecord(n, Record(f"actor-{n % actors}", 1 + n % 3, b"[%d]" % n)) for n in range(first, last + 1)]


def a_writer(kafka: KafkaSettings) -> KafkaWriter | None:
    """Open a writer; None if the broker does not answer in time, as one that has just been thawed may not."""
    try:
        return KafkaWriter(kafka, "log")
    except Unavailable:
        return None


def read(reader: KafkaReader, start: dict[int, int], n: int) -> tuple[list[TopicRecord], dict[int, int]]:
    """Read once `n` records are to be seen: a commit reaches readers a moment after its writer."""
    return wait_for(lambda: len((found := reader.read(start))[0]) >= n and found, 10, f"{n} records")


def written(kafka: KafkaSettings, n: int) -> list[TopicRecord]:
    with closing(KafkaReader(kafka)) as reader:
        return read(reader, {}, n)[0]


def test_records_come_back_as_they_were_each_actor_in_one_partition_and_in_order(kafka: KafkaSettings) -> None:
    records = some_records(1, 60)
    with closing(KafkaWriter(kafka, "log")) as writer:
        assert writer.positions == []
        writer.write(records[:40], Position(log="log").after(records[:40]))
        writer.write(records[40:], Position(log="log").after(records))
    found = written(kafka, 60)
    assert sorted((one.log_offset, one.record) for one in found) == [(one.offset, one.record) for one in records]
    assert {one.log for one in found} == {"log"}
    for actor in {one.record.key for one in records}:
        mine = [one for one in found if one.record.key == actor]
        assert len({one.partition for one in mine}) == 1
        assert [one.log_offset for one in mine] == [one.offset for one in records if one.record.key == actor]


def test_next_writer_finds_the_position_of_the_last_commit_of_its_own_log(kafka: KafkaSettings) -> None:
    for log in ("mine", "other"):
        records = some_records(1, 7 if log == "mine" else 3)
        with closing(KafkaWriter(kafka, log)) as writer:
            writer.write(records[:2], Position(log=log).after(records[:2]))
            writer.write(records[2:], Position(log=log).after(records[:2]).after(records[2:]))
    with closing(KafkaWriter(kafka, "mine")) as writer:
        (position,) = writer.positions
    assert (position.offset, position.events) == (7, sum(1 + n % 3 for n in range(1, 8)))


def test_what_a_dead_writer_left_open_is_not_read_and_its_successor_sends_it_once(kafka: KafkaSettings) -> None:
    records = some_records(1, 20)
    dead = KafkaWriter(kafka, "log")
    dead._producer.begin_transaction()
    for one in records:
        dead._producer.send(kafka.events_topic, key=b"actor-0", value=one.record.value).get(10)
    assert written(kafka, 0) == []
    with closing(KafkaWriter(kafka, "log")) as heir:
        assert heir.positions == []
        heir.write(records, Position(log="log").after(records))
    assert sorted(one.log_offset for one in written(kafka, 20)) == list(range(1, 21))
    dead.close()


def test_second_writer_of_a_log_ends_the_first(kafka: KafkaSettings) -> None:
    records = some_records(1, 4)
    with closing(KafkaWriter(kafka, "log")) as first, closing(KafkaWriter(kafka, "log")) as second:
        with pytest.raises(Unavailable):
            first.write(records, Position(log="log").after(records))
        second.write(records, Position(log="log").after(records))
    assert sorted(one.log_offset for one in written(kafka, 4)) == [1, 2, 3, 4]


def test_write_into_a_hanging_broker_ends_and_leaves_nothing_behind(
    kafka: KafkaSettings, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_writer, "_COMMIT_MS", 1_000)
    threads = threading.active_count()
    first, records = some_records(1, 4), some_records(5, 9)
    reached = Position(log="log").after(first)
    writer = KafkaWriter(kafka, "log")
    writer.write(first, reached)
    broker.freeze()
    try:
        with pytest.raises(Unavailable, match="imeout"):
            writer.write(records, reached.after(records))
        writer.close()
        # Fewer is well: threads of earlier tests may end meanwhile.
        wait_for(lambda: threading.active_count() <= threads, 20, "the client's threads to end")
    finally:
        broker.thaw()
    with closing(wait_for(lambda: a_writer(kafka), 60, "the broker to answer again")) as heir:
        (position,) = heir.positions
        if position.offset == 4:  # the commit may have been on its way when the broker froze
            heir.write(records, position.after(records))
    assert sorted(one.log_offset for one in written(kafka, 9)) == list(range(1, 10))


def test_what_the_client_gave_up_delivering_is_never_committed_without_it(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = some_records(1, 5)
    with closing(KafkaWriter(kafka, "log")) as writer:
        producer, lost = writer._producer, Future()
        send, flush, n_sent = producer.send, producer.flush, count()
        monkeypatch.setattr(producer, "send", lambda *args, **more: lost if next(n_sent) == 2 else send(*args, **more))
        monkeypatch.setattr(
            producer,
            "flush",
            lambda *args, **more: (flush(*args, **more), lost.is_done or lost.failure(KafkaTimeoutError("late"))),
        )
        with pytest.raises(Unavailable, match="late"):
            writer.write(records, Position(log="log").after(records))
    with closing(KafkaWriter(kafka, "log")) as heir:
        assert heir.positions == []
    assert written(kafka, 0) == []


def test_a_client_that_refuses_one_record_is_not_offered_the_others(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, offered = some_records(1, 5), []
    with closing(KafkaWriter(kafka, "log")) as writer:
        refused = Future()
        refused.failure(KafkaTimeoutError("full"))
        monkeypatch.setattr(writer._producer, "send", lambda *args, **more: (offered.append(more["key"]), refused)[1])
        with pytest.raises(Unavailable, match="full"):
            writer.write(records, Position(log="log").after(records))
    assert len(offered) == 1


def test_record_the_topic_will_not_take_is_told_and_nothing_of_its_transaction_is_read(
    kafka: KafkaSettings, broker: Broker
) -> None:
    client = KafkaAdminClient(bootstrap_servers=broker.address)
    client.create_topics(
        {kafka.events_topic: {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": "1000"}}}
    )
    client.close()
    records = [*some_records(1, 3), LogRecord(4, Record("actor-1", 1, b"x" * 5_000))]
    with closing(KafkaWriter(kafka, "log")) as writer, pytest.raises(Unavailable, match="TooLarge"):
        writer.write(records, Position(log="log").after(records))
    assert written(kafka, 0) == []


def test_largest_record_a_log_can_hold_is_taken(kafka: KafkaSettings) -> None:
    records = [LogRecord(1, Record("actor", 500, b"x" * (3 * 2**19)))]
    with closing(KafkaWriter(kafka, "log")) as writer:
        writer.write(records, Position(log="log").after(records))
    assert [one.record for one in written(kafka, 1)] == [records[0].record]


def test_reader_goes_on_where_it_stopped(kafka: KafkaSettings) -> None:
    with closing(KafkaWriter(kafka, "log")) as writer, closing(KafkaReader(kafka)) as reader:
        writer.write(some_records(1, 30), Position(log="log").after(some_records(1, 30)))
        first, reached = read(reader, {}, 30)
        assert reached == reader.ends()
        writer.write(some_records(31, 40), Position(log="log").after(some_records(1, 40)))
        second, _ = read(reader, reached, 10)
        few, _ = reader.read({}, limit=5)
        assert reader.starts() == dict.fromkeys(range(3), 0)
    assert [sorted(one.log_offset for one in part) for part in (first, second)] == [
        list(range(1, 31)),
        list(range(31, 41)),
    ]
    assert 5 <= len(few) < 40


def test_topics_are_made_as_the_settings_say_and_left_alone_afterwards(kafka: KafkaSettings, broker: Broker) -> None:
    KafkaWriter(kafka, "log").close()
    KafkaWriter(kafka.model_copy(update={"partitions": 5}), "log").close()
    with closing(KafkaReader(kafka)) as events, closing(KafkaReader(kafka, kafka.position_topic)) as position:
        assert (sorted(events.ends()), sorted(position.ends())) == ([0, 1, 2], [0])
    client = KafkaAdminClient(bootstrap_servers=broker.address)
    found = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, kafka.position_topic)])
    client.close()
    assert "compact" in str(found)


def test_broker_that_is_not_there_is_told_with_its_address() -> None:
    (port,) = free_ports(1)
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        KafkaWriter(KafkaSettings(bootstrap=f"127.0.0.1:{port}"), "log")
