"""`civicrec events reprocess` while a job on Flink runs: what differs is mended from the topic, and nothing else."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from civicrec.accounting.books import read_books
from civicrec.clock import local_date, utc_now
from civicrec.eventlog.ports import Record
from civicrec.events import Event, dump
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from tests.builders import an_event
from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.streaming import oracle
from tests.streaming.test_embedded import behaviour

pytestmark = pytest.mark.services

#: A week up to now: an online store rebuilt keeps what is of late.
EVENTS = behaviour(900, step_s=600, actors=20, began=utc_now().replace(microsecond=0) - timedelta(days=7))
DAYS = sorted({local_date(event.occurred_at) for event in EVENTS})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnFlink]:
    """A job that has done all events and refused one record, whose dead letter is one event."""
    with on_flink(tmp_path_factory.mktemp("flink-reprocess")) as one:
        one.send([*records_of(EVENTS), Record("v2", 1, b"\x00 poison")])
        one.start()
        one.wait_counted(len(EVENTS) + 1)
        yield one


def reprocess(world: OnFlink, *words: str) -> dict[str, Any]:
    days = ("--from", str(DAYS[0]), "--until", str(DAYS[-1] + timedelta(days=2)))
    done = world.civicrec("events", "reprocess", *days, "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def rows(world: OnFlink) -> list[dict[str, Any]]:
    return world.warehouse.rows("SELECT * FROM events FINAL ORDER BY event_id")


def test_lost_rows_and_a_catalogue_that_came_late_are_mended_under_the_running_job(
    world: OnFlink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(oracle.ITEM_TYPES, "unknown", "service")
    unknown = [event for event in EVENTS if event.item_id == "unknown"]
    with registry_at(world.settings.registry_address) as registry:
        upsert_items(registry, [Item(item_id="unknown", item_type="service", title="unknown")])
    # A whole day is lost; of it, those whose item is known now are new, and changed they are on the other days.
    world.warehouse.command("ALTER TABLE events DELETE WHERE local_date = {day:Date} SETTINGS mutations_sync = 1",
                            {"day": DAYS[2]})  # fmt: skip
    lost = [event for event in EVENTS if local_date(event.occurred_at) == DAYS[2]]
    changed = [event for event in unknown if event not in lost]
    assert lost
    assert changed
    before = rows(world)
    expected = {"new": len(lost), "changed": len(changed), "same": len(EVENTS) - len(lost) - len(changed)}
    days = sorted({str(local_date(event.occurred_at)) for event in (*lost, *changed)})
    dry = reprocess(world, "--dry-run")
    assert {name: dry[name] for name in (*expected, "days")} == expected | {"days": days}
    assert rows(world) == before
    done = reprocess(world)
    assert {name: done[name] for name in (*expected, "days")} == expected | {"days": days}
    more = [an_event("click", "i1", 990_000 + n, EVENTS[-1].occurred_at, anonymous_id="v1") for n in range(50)]
    world.send(records_of(more))  # while the online store is rebuilt
    world.wait_counted(len(EVENTS) + len(more) + 1)
    wait_for(world.online.is_complete, 60, "the online store rebuilt by the stream")
    again = reprocess(world)
    assert {name: again[name] for name in (*expected, "days")} == {
        "new": 0, "changed": 0, "same": len(EVENTS) + len(more), "days": [],
    }  # fmt: skip
    assert_as_sent(world, [*EVENTS, *more])


def assert_as_sent(world: OnFlink, events: list[Event]) -> None:
    found = {row["event_id"]: row for row in rows(world)}
    assert len(found) == len(events)
    assert all(row["item_known"] for row in found.values())
    books = read_books(world.settings)
    assert books.balanced
    assert (books.stored, books.rejected) == (len(events), {"bad_json": 1})
    for actor in {event.actor for event in events}:
        kept = [(item.item_id, item.at_ms) for item in world.online.actor(actor).recent]
        assert kept == oracle.recent(events, actor)


def test_a_dead_letter_that_can_be_read_now_is_recovered_and_counted_in_the_progress(world: OnFlink) -> None:
    stored, n_rejected = world.progress().stored, sum(world.progress().rejected.values())
    recovered = an_event(
        "click", "i2", 995_000, EVENTS[-1].occurred_at + timedelta(minutes=1), anonymous_id="v2", consent="personalise"
    )
    assert n_rejected == 1
    assert reprocess(world, "--dead-letters")["refused"] == {"bad_json": 1}
    # What code that has been mended would read in the dead letter.
    world.warehouse.command(
        "INSERT INTO dead_letters SELECT * REPLACE (unhex({raw:String}) AS raw) FROM dead_letters FINAL",
        {"raw": dump([recovered])[1:-1].hex()},
    )
    dry = reprocess(world, "--dead-letters", "--dry-run")
    assert (dry["cured"], dry["new"]) == (1, 1)
    assert world.progress().stored == stored
    assert len(world.dead_letters()) == 1
    done = reprocess(world, "--dead-letters")
    assert (done["cured"], done["new"], done["refused"]) == (1, 1, {})
    assert reprocess(world, "--dead-letters")["cured"] == 0
    wait_for(world.online.is_complete, 60, "the online store rebuilt by the stream")
    assert (world.progress().stored, world.progress().rejected) == (stored + 1, {})
    assert world.stored() == (stored + 1, stored + 1)
    assert world.warehouse.rows("SELECT * FROM dead_letters FINAL") == []
    assert world.dead_letters() == {}
    books = read_books(world.settings)
    assert (books.balanced, books.stored, books.rejected) == (True, stored + 1, {})
    assert world.online.actor(recovered.actor).recent[0].item_id == "i2"
