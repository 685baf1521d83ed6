"""Forwarding without a broker: what no real one does at will, such as failing between commit and answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import Unavailable
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import LogRecord, Record
from civicrec.kafka.position import Position, go_on_from, keep_position, kept_position
from collectors.forwarding import forwarder as forward
from collectors.forwarding.acknowledged import Acknowledged
from collectors.forwarding.forwarder import Forwarder, ForwardingState
from tests.running import wait_for


class Topic:
    """Keeps what writers commit; each write of a number in `faults` fails, before or after it is kept."""

    def __init__(self, faults: Sequence[tuple[int, str]] = ()) -> None:
        self.records: list[LogRecord] = []
        self.positions: list[Position] = []
        self.writes = 0
        self.opened = 0
        self._faults = dict(faults)

    def open(self) -> Topic:
        self.opened += 1
        return self

    def write(self, records: Sequence[LogRecord], reached: Position) -> None:
        self.writes += 1
        fault = self._faults.get(self.writes)
        if fault == "before":
            raise Unavailable("the broker is gone")
        self.records += records
        self.positions = [reached]
        if fault == "after":
            raise Unavailable("the answer was lost")

    def close(self) -> None:
        pass


def a_record(n: int, size: int = 3) -> Record:
    return Record(f"actor-{n % 3}", 1 + n % 4, b"%d" % n * size)


def forwarding(
    log: MemoryEventLog, topic: Topic, tell: Callable[[ForwardingState], None] = lambda _: None
) -> Forwarder:
    forwarder = Forwarder(log, topic.open, tell)
    forwarder.start()
    return forwarder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(forward, "_READ_RECORDS", 4)
    monkeypatch.setattr(forward, "_TRANSACTION_BYTES", 30)


@given(
    appends=st.lists(st.integers(0, 9), max_size=8),
    faults=st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["before", "after"])), max_size=6),
)
def test_every_record_arrives_once_and_in_order_wherever_writes_fail(
    appends: list[int], faults: list[tuple[int, str]]
) -> None:
    log, topic = MemoryEventLog(), Topic(faults)
    forwarder = forwarding(log, topic)
    for n_records in appends:
        log.append([a_record(n, size=n_records) for n in range(n_records)])
        forwarder.wake()
    wait_for(lambda: len(topic.records) >= log.head(), 10, "all records")
    forwarder.close()
    assert topic.records == log.read(0, log.head())
    if topic.positions:
        assert topic.positions[-1].events == log.tally().events_after


def test_a_backlog_is_cut_into_transactions_and_only_the_last_has_caught_up() -> None:
    log, topic, told = MemoryEventLog(), Topic(), list[ForwardingState]()
    log.append([a_record(n) for n in range(50)])
    forwarder = forwarding(log, topic, told.append)
    wait_for(lambda: told and told[-1].is_caught_up, 10, "the end of the backlog")
    forwarder.close()
    assert topic.writes > 5
    assert [progress.is_caught_up for progress in told] == [False] * (len(told) - 1) + [True]


def test_a_fault_is_told_and_the_next_writer_goes_on() -> None:
    log, topic, told = MemoryEventLog(), Topic([(1, "before")]), list[ForwardingState]()
    log.append([a_record(1)])
    forwarder = forwarding(log, topic, told.append)
    wait_for(lambda: topic.records, 10, "the record")
    forwarder.close()
    assert [progress.fault for progress in told if progress.position is None] == ["the broker is gone"]
    assert [progress.is_caught_up for progress in told if progress.position][-2:] == [False, True]
    assert topic.opened == 2


class Trimmed(MemoryEventLog):
    """A log whose first records retention has removed."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    def read(self, after: int, until: int) -> list[LogRecord]:
        return [found for found in super().read(after, until) if found.offset >= self._first]


def test_a_log_trimmed_before_kafka_was_on_is_forwarded_from_its_first_record() -> None:
    log, topic = Trimmed(first=30), Topic()
    log.append([a_record(n) for n in range(40)])
    forwarder = forwarding(log, topic)
    wait_for(lambda: len(topic.records) >= 11, 10, "what is left")
    forwarder.close()
    assert [found.offset for found in topic.records] == list(range(30, 41))


def a_log(n_records: int, like: int = 0) -> MemoryEventLog:
    log = MemoryEventLog()
    log.append([a_record(n + like) for n in range(1, n_records + 1)])
    return log


def test_forwarding_goes_on_behind_the_position_of_the_log_it_was_made_for() -> None:
    log = a_log(9)
    position = Position(log=log.name).after(log.read(0, 6))
    assert (position.offset, position.events) == (6, sum(1 + n % 4 for n in range(1, 7)))
    assert go_on_from([position], log) == position
    assert go_on_from([], log) == Position(log=log.name)


@pytest.mark.parametrize("restored", [a_log(4), a_log(9, like=100)], ids=["older backup", "other content"])
def test_a_log_that_is_not_the_one_forwarded_is_sent_again_under_the_next_generation(restored: MemoryEventLog) -> None:
    was = a_log(9)
    position = Position(log=restored.name, generation=2).after(was.read(0, 6))
    assert go_on_from([position], restored) == Position(log=restored.name, generation=3)


def test_a_position_whose_record_was_trimmed_is_believed() -> None:
    log = Trimmed(first=8)
    log.append([a_record(n) for n in range(9)])
    position = Position(log=log.name, offset=6, events=9, check=1)
    assert go_on_from([position], log) == position


def test_position_file_is_what_was_kept_last_and_nothing_if_damaged(tmp_path: Path) -> None:
    path = tmp_path / "forwarded.json"
    assert kept_position(path) is None
    for offset in (1, 2):
        keep_position(path, Position(log="a", offset=offset))
        assert kept_position(path) == Position(log="a", offset=offset)
    path.write_bytes(b"{")
    assert kept_position(path) is None


def following(waits: bool = True, timeout_s: float = 0.05) -> Acknowledged:
    kafka = Acknowledged(waits=waits, timeout_s=timeout_s, accepted=0, events=0, wake=lambda: None)
    kafka.update(reached(0))
    return kafka


def reached(offset: int, *, is_caught_up: bool = True) -> ForwardingState:
    return ForwardingState(Position(log="a", offset=offset, events=offset * 10), is_caught_up)


def is_waiting(kafka: Acknowledged, offset: int) -> asyncio.Task[None]:
    return asyncio.create_task(kafka.confirmed(offset))


def test_an_answer_waits_until_kafka_has_its_offset_and_no_longer() -> None:
    async def work() -> None:
        kafka = following(timeout_s=10)
        kafka.kept(3, 30)
        waiting = [is_waiting(kafka, offset) for offset in (3, 1, 2)]
        await asyncio.sleep(0)
        kafka.update(reached(2))
        await asyncio.sleep(0.01)
        assert [task.done() for task in waiting] == [False, True, True]
        assert (kafka.unforwarded, kafka.forwarded, kafka.degraded) == (10, 20, "")
        kafka.update(reached(3))
        await waiting[0]

    asyncio.run(work())


def test_after_one_answer_that_waited_too_long_nothing_waits_until_kafka_has_caught_up() -> None:
    async def work() -> None:
        kafka = following(timeout_s=0.05)
        kafka.kept(2, 20)
        waiting = [is_waiting(kafka, offset) for offset in (1, 2)]
        await asyncio.gather(*waiting)
        assert "20 events wait in the log" in kafka.degraded
        await asyncio.wait_for(kafka.confirmed(2), 0.01)
        kafka.update(reached(1, is_caught_up=False))
        await asyncio.wait_for(kafka.confirmed(2), 0.01)
        assert kafka.degraded
        kafka.update(reached(2))
        assert kafka.degraded == ""
        kafka.kept(3, 10)
        again = is_waiting(kafka, 3)
        await asyncio.sleep(0.01)
        assert not again.done()
        await again

    asyncio.run(work())


def test_a_fault_lets_everybody_go_and_says_why_until_kafka_has_caught_up() -> None:
    async def work() -> None:
        kafka = following(timeout_s=10)
        kafka.kept(1, 10)
        waiting = is_waiting(kafka, 1)
        await asyncio.sleep(0)
        kafka.update(ForwardingState(fault="the broker is gone"))
        await asyncio.wait_for(waiting, 1)
        assert kafka.degraded == "the broker is gone; 10 events wait in the log"
        assert kafka.faults == 1
        kafka.update(reached(0, is_caught_up=False))
        assert kafka.degraded.startswith("Kafka has been behind")
        kafka.update(reached(1))
        assert kafka.degraded == ""

    asyncio.run(work())


def test_with_ack_on_disk_nothing_waits_and_a_long_silence_is_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("collectors.forwarding.acknowledged.monotonic_s", lambda: now)

    async def work() -> None:
        nonlocal now
        kafka = following(waits=False)
        kafka.kept(1, 10)
        await asyncio.wait_for(kafka.confirmed(1), 0.01)
        now += 4
        assert kafka.degraded == ""
        now += 2
        assert kafka.degraded == "Kafka has been behind for 6 s; 10 events wait in the log"
        kafka.update(reached(1))
        assert kafka.degraded == ""

    asyncio.run(work())


def test_before_the_first_contact_nothing_waits_and_the_collector_says_so() -> None:
    kafka = Acknowledged(waits=True, timeout_s=10, accepted=7, events=2, wake=lambda: None)
    asyncio.run(asyncio.wait_for(kafka.confirmed(1), 0.1))
    assert kafka.degraded == "Kafka has not been reached yet; 5 events wait in the log"
