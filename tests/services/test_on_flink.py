"""Kafka → Flink → warehouse gateway and Valkey, all real processes, against a plain recomputation of the log."""

from collections.abc import Iterator

import pytest

from civicrec.eventlog.ports import Record
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.streaming import oracle
from tests.streaming.test_embedded import behaviour
from tests.streaming.world import ITEM_TYPES

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnFlink]:
    with on_flink(tmp_path_factory.mktemp("on-flink")) as one:
        yield one


def test_what_flink_stores_is_what_a_recomputation_of_the_log_gives(world: OnFlink) -> None:
    events = behaviour(600, step_s=60)
    records = records_of(events)
    world.send(records[:50])
    world.start()
    world.send([Record("x", 2, b"\x00 poison")])
    world.send(records[50:])
    world.wait_counted(602)
    assert world.stored() == (600, 600)
    rows = {
        row["event_id"]: row
        for row in world.warehouse.rows(
            "SELECT toString(event_id) AS event_id, kind, toUnixTimestamp64Milli(occurred_at) AS occurred_at, actor,"
            " item_id, item_known, consent FROM events FINAL"
        )
    }
    for event in events:
        expected = oracle.row(event) | {"event_id": str(event.event_id)}
        assert rows[str(event.event_id)] == expected
    dead_letters = world.warehouse.rows("SELECT log, reason, raw FROM dead_letters FINAL")
    assert [(row["log"], row["reason"]) for row in dead_letters] == [(world.log.name, "bad_json")]
    for actor in {event.actor for event in events}:
        kept = [(item.item_id, item.at_ms) for item in world.online.actor(actor).recent]
        assert kept == oracle.recent(events, actor)
    trends = oracle.trends([events])
    assert world.online.trends(list(trends)) == trends
    expected = oracle.co_clicks(events)
    found = world.online.co_clicks(list(ITEM_TYPES))
    assert found.keys() == expected.keys()
    for item, others in expected.items():
        assert dict(found[item]) == pytest.approx(others)
    assert world.progress().rejected == {"bad_json": 2}
    assert list(world.dead_letters().values()) == [b"\x00 poison"]
