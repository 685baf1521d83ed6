"""Reprocessing from Kafka's topic: what is done is read again, in parts from each of which a later call can go on."""

from collections import Counter
from datetime import date, timedelta

import pytest

from civicrec.accounting.progress import CommittedProgress, Partition, partition_of
from civicrec.clock import local_date
from civicrec.eventlog.ports import Record
from civicrec.events import load
from streaming.registry import RegistryFacts
from streaming.repair import reprocess
from streaming.repair.rebuild import Done
from streaming.repair.reprocess import Part, Places, Selection, from_topic
from tests.streaming.test_online_watch import EVENTS, Topic, records_of
from tests.streaming.world import ITEM_TYPES

DAYS = sorted({local_date(event.occurred_at) for event in EVENTS})
ALL = Selection(DAYS[0], DAYS[-1])
LAST = 10_000


@pytest.fixture
def topic() -> Topic:
    found = [(log, n, record) for log in ("a", "b") for n, record in enumerate(records_of(log), 1)]
    topic = Topic(2, [*found, ("a", LAST, Record("x", 4, b"\x00 not json"))])
    topic.grow(1_000)
    return topic


def everything_of(*logs: str) -> Done:
    return Done({log: CommittedProgress({Partition(2, 0): LAST, Partition(2, 1): LAST}) for log in logs})


def parts(topic: Topic, done: Done, chosen: Selection = ALL, places: Places | None = None) -> list[Part]:
    return list(from_topic(topic, done, RegistryFacts(ITEM_TYPES), chosen, places or {0: 0, 1: 0}, topic.ends()))  # type: ignore[arg-type]


def ids(found: list[Part]) -> list[str]:
    return sorted(str(one) for part in found for one in part.columns.get("event_id", ()))


def sent(first: date = DAYS[0], last: date = DAYS[-1]) -> list[str]:
    return sorted(str(event.event_id) for event in EVENTS if first <= local_date(event.occurred_at) <= last)


def test_every_record_done_is_read_again_and_what_is_bad_is_counted(topic: Topic) -> None:
    found = parts(topic, everything_of("a", "b"))
    assert ids(found) == sent()
    assert sum((part.refused for part in found), start=Counter()) == {"bad_json": 4}
    assert sum(part.n_read for part in found) == len(topic.kept[0]) + len(topic.kept[1])
    logs = {log for part in found for log in part.columns.get("log", ())}
    assert logs == {"a", "b"}


def test_what_the_stream_has_not_done_is_left_to_it(topic: Topic) -> None:
    half = len(records_of("a")) // 2
    done = Done({"a": CommittedProgress({Partition(2, 0): half})})
    expected = [
        str(event_id)
        for n, record in enumerate(records_of("a"), 1)
        if n <= half and partition_of(record.key, 2) == 0
        for event_id in ids_in(record)
    ]
    assert ids(parts(topic, done)) == sorted(expected) != []


def ids_in(record: Record) -> list[str]:
    return [str(event.event_id) for event in load(record.value)[0]]


def test_a_later_call_goes_on_behind_any_part(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reprocess, "_AT_ONCE", 7)
    found = parts(topic, everything_of("a", "b"))
    assert len(found) > 5
    for n in (1, len(found) // 2, len(found)):
        rest = parts(topic, everything_of("a", "b"), places=found[n - 1].places)
        assert sorted(ids(found[:n]) + ids(rest)) == sent()


def test_only_the_chosen_days_are_read(topic: Topic) -> None:
    found = parts(topic, everything_of("a", "b"), Selection(DAYS[0], DAYS[0]))
    assert ids(found) == sent(DAYS[0], DAYS[0]) != sent()
    assert ids(parts(topic, everything_of("a", "b"), Selection(*[DAYS[-1] + timedelta(days=1)] * 2))) == []
