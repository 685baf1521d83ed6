"""An online store rebuilt from a real warehouse, against the one the stream made as events came."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.ledger import Ledger
from civicrec.clock import local_date, to_ms
from civicrec.errors import Unavailable
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import Record
from civicrec.events import Event, dump
from civicrec.items import hash_of
from civicrec.registry.choices import Choices
from civicrec.settings import StreamSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.day_tables import replace_day
from civicrec.warehouse.interests import ACTOR
from civicrec.warehouse.migrate import migrate
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import ActorState
from profiles.online.pseudonyms import digest_of
from streaming.embedded import Driver
from streaming.repair.rebuild import Done, done_so_far, rebuild_online
from streaming.sinks import Stores
from tests.builders import NOON, an_event
from tests.running import running_stack
from tests.streaming import oracle
from tests.streaming.test_embedded import behaviour
from tests.streaming.world import ITEM_TYPES, FixedRegistry, failing_once

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseWarehouse]:
    with (
        running_stack(tmp_path_factory.mktemp("gateway"), only=("warehouse",)) as stack,
        closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse,
    ):
        migrate(warehouse)
        yield warehouse


@pytest.fixture
def warehouse(gateway: ClickHouseWarehouse) -> ClickHouseWarehouse:
    for table in ("events", "dead_letters", "actor_tags"):
        gateway.command(f"TRUNCATE TABLE {table}")
    return gateway


class Stream:
    """The real driver on a log in memory, a real warehouse, and an online store that can be wiped."""

    def __init__(self, folder: Path, warehouse: ClickHouseWarehouse, max_batch_events: int) -> None:
        self.log, self.ledger, self.online = (
            MemoryEventLog(),
            Ledger(folder / "stream.sqlite"),
            MemoryOnlineStore(min_actors=1),
        )
        self.warehouse = warehouse
        self.now = NOON
        self.restored = 0
        stores = Stores(warehouse, self.online, FixedRegistry())
        self.driver = Driver(
            self.log, self.ledger, stores, StreamSettings(max_batch_events=max_batch_events), self._restore
        )

    def send(self, events: list[Event]) -> None:
        for event in events:
            self.log.append([Record(event.actor, 1, dump([event]))])
        self.now = max(event.occurred_at for event in events) + timedelta(minutes=1)

    def drain(self) -> None:
        while self.driver.backlog():
            self.driver.step()

    def close(self) -> None:
        self.driver.close()
        self.ledger.close()

    def done(self) -> Done:
        return done_so_far(self.log, self.ledger.totals())

    def _restore(self, done: Done) -> None:
        self.restored += 1
        rebuild_online(self.warehouse, self.online, done, self.now)


def everything(store: MemoryOnlineStore, events: list[Event], hours: list[int]) -> dict[str, Any]:
    actors = sorted({event.actor for event in events})
    return {
        "actors": {actor: store.actor(actor) for actor in actors},
        "trends": store.trends(hours),
        "co_clicks": {item: dict(pairs) for item, pairs in store.co_clicks(list(ITEM_TYPES)).items()},
    }


def hours_of(events: list[Event]) -> list[int]:
    return sorted({oracle.at_ms(event) // oracle.HOUR_MS for event in events})


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["actors"] == expected["actors"]
    assert found["trends"] == expected["trends"]
    assert found["co_clicks"].keys() == expected["co_clicks"].keys()
    for item, others in expected["co_clicks"].items():
        assert found["co_clicks"][item] == pytest.approx(others)


@pytest.mark.parametrize("max_batch_events", [40, 10_000])
def test_a_rebuilt_store_is_the_one_the_stream_made(
    tmp_path: Path, warehouse: ClickHouseWarehouse, max_batch_events: int
) -> None:
    events = behaviour(300)  # over two days, in order of time
    with closing(Stream(tmp_path, warehouse, max_batch_events)) as stream:
        stream.send(events)
        stream.drain()
        rebuilt = MemoryOnlineStore(min_actors=1)
        done = rebuild_online(warehouse, rebuilt, stream.done(), stream.now)
        assert rebuilt.is_complete()
        assert done.interactions == sum(oracle.is_interaction(event) or _is_other(event) for event in events)
        expected = everything(stream.online, events, hours_of(events))
        assert expected["trends"]
        assert expected["co_clicks"]
        assert any(state.disliked for state in expected["actors"].values())
        assert any(state.shown for state in expected["actors"].values())
        assert any(len(state.signed_in) > 1 and "" in state.signed_in for state in expected["actors"].values())
        assert_same(everything(rebuilt, events, hours_of(events)), expected)


def _is_other(event: Event) -> bool:
    is_told = event.kind == "dislike" or (event.kind == "impression" and event.consent == "personalise")
    return is_told and not event.bot_reason and event.item_id in ITEM_TYPES


@pytest.mark.parametrize("wiped_after", [0, 1, 150, 299])
def test_a_store_wiped_between_any_two_batches_ends_as_if_it_never_was(
    tmp_path: Path, warehouse: ClickHouseWarehouse, wiped_after: int
) -> None:
    events = behaviour(300)
    with closing(Stream(tmp_path, warehouse, 10_000)) as stream:
        stream.send(events[:wiped_after] or events[:1])
        stream.drain()
        stream.online.clear()
        stream.send(events[wiped_after or 1 :])
        stream.drain()
        assert stream.restored == 2  # the first time because it was new
        reference = MemoryOnlineStore(min_actors=1)
        rebuild_online(warehouse, reference, stream.done(), stream.now)
        assert_same(
            everything(stream.online, events, hours_of(events)), everything(reference, events, hours_of(events))
        )


def test_a_batch_that_was_in_the_warehouse_before_the_wipe_counts_once(
    tmp_path: Path, warehouse: ClickHouseWarehouse
) -> None:
    events = behaviour(200)
    with closing(Stream(tmp_path, warehouse, 100)) as stream:
        stream.send(events)
        stream.driver.step()
        failing_once(stream.ledger, "commit", after=False)
        with pytest.raises(Unavailable):
            stream.driver.step()
        assert stream.ledger.unfinished()
        assert warehouse.rows("SELECT count() AS n FROM events FINAL")[0]["n"] == 200
        stream.online.clear()
        stream.drain()
        reference = MemoryOnlineStore(min_actors=1)
        rebuild_online(warehouse, reference, stream.done(), stream.now)
        assert_same(
            everything(stream.online, events, hours_of(events)), everything(reference, events, hours_of(events))
        )


def test_a_rebuild_cut_off_half_way_leaves_the_store_incomplete_and_begins_again(
    tmp_path: Path, warehouse: ClickHouseWarehouse
) -> None:
    events = behaviour(200)
    with closing(Stream(tmp_path, warehouse, 10_000)) as stream:
        stream.send(events)
        stream.drain()
        expected = everything(stream.online, events, hours_of(events))
        stream.online.clear()
        failing_once(stream.online, "apply", after=True)
        with pytest.raises(Unavailable):
            stream.driver.step()
        assert not stream.online.is_complete()
        stream.driver.step()
        assert stream.online.is_complete()
        assert_same(everything(stream.online, events, hours_of(events)), expected)


def test_disordered_and_doubled_events_leave_recent_items_and_trends_exact(
    tmp_path: Path, warehouse: ClickHouseWarehouse
) -> None:
    events = behaviour(200)
    with closing(Stream(tmp_path, warehouse, 30)) as stream:
        stream.send(random.Random(4).sample([*events, *events[:50]], 250))
        stream.drain()
        rebuilt = MemoryOnlineStore(min_actors=1)
        rebuild_online(warehouse, rebuilt, stream.done(), stream.now)
        found, expected = (everything(store, events, hours_of(events)) for store in (rebuilt, stream.online))
        assert found["trends"] == expected["trends"] == oracle.trends([events])
        assert found["actors"] == expected["actors"]
        assert rebuilt.progress(stream.log.name) == stream.online.progress(stream.log.name)


def test_only_what_would_still_be_there_comes_back(tmp_path: Path, warehouse: ClickHouseWarehouse) -> None:
    def about(kind: str, item: str, days_ago: int, subject_id: str = "") -> Event:
        return an_event(kind, item, days_ago, NOON - timedelta(days=days_ago), consent="personalise",
                        received_at=NOON - timedelta(days=days_ago), subject_id=subject_id)  # fmt: skip

    events = [
        about("dislike", "i1", 200), about("service_complete", "i1", 200), about("dislike", "i2", 100),
        about("service_complete", "i3", 100), about("click", "i3", 40), about("click", "i4", 20),
        about("impression", "i4", 100), about("impression", "i3", 40), about("impression", "i1", 15),
        about("impression", "i2", 14), about("page_view", "", 3, "3" * 32), about("page_view", "", 2, "2" * 32),
        about("impression", "i2", 1), about("click", "i5", 0),
    ]  # fmt: skip
    with closing(Stream(tmp_path, warehouse, 100)) as stream:
        stream.send(events)
        stream.drain()
        rebuilt = MemoryOnlineStore(min_actors=1)
        rebuild_online(warehouse, rebuilt, stream.done(), NOON)
        state = rebuilt.actor("visitor-1")
        assert state.disliked.keys() == {"i2"}
        assert list(state.done) == ["i3"]
        assert [item.item_id for item in state.recent] == ["i5", "i4"]
        assert state.shown == {hash_of("i2"): tuple(to_ms(NOON) // 1000 - days * 86_400 for days in (1, 14))}
        assert state.signed_in == {digest_of("2" * 32): to_ms(NOON) - 2 * 86_400_000}
        assert list(rebuilt.trends(hours_of(events))) == [oracle.at_ms(events[-1]) // oracle.HOUR_MS]


def test_tags_come_back_but_for_those_deleted_since_and_those_too_old(warehouse: ClickHouseWarehouse) -> None:
    today = local_date(NOON)
    columns = {
        "actor": ["a", "a", "b"], "tag": ["theme:社保", "theme:住房", "theme:社保"], "weight": [0.5, 0.25, 1.0],
        "evidence": [1, 1, 1], "last_at": [NOON] * 3,
    }  # fmt: skip
    replace_day(warehouse, "actor_tags", today - timedelta(days=2), [columns])
    replace_day(warehouse, "actor_tags", today - timedelta(days=3), [{**columns, "weight": [9.0, 9.0, 9.0]}])
    # as a night with a wrong clock leaves it
    replace_day(warehouse, "actor_tags", today + timedelta(days=30), [{**columns, "weight": [8.0, 8.0, 8.0]}])
    store = MemoryOnlineStore(min_actors=1)
    chosen = {("c", "theme:教育"): to_ms(NOON), ("b", "theme:社保"): to_ms(NOON)}
    decided = Choices(frozenset({"a"}), frozenset({("a", "theme:住房")}), chosen)
    done = rebuild_online(warehouse, store, Done({}), NOON, lambda: decided)
    assert done.actors_with_tags == 3
    deleted = frozenset({"theme:住房"})
    assert store.actor("a") == ActorState(tags={"theme:社保": 0.5}, is_off=True, deleted_tags=deleted)
    assert (store.actor("b").tags, store.actor("c").tags) == ({"theme:社保": 1.0}, {"theme:教育": 1.0})
    rebuild_online(warehouse, store, Done({}), NOON + timedelta(days=6), lambda: decided)
    assert store.actor("a") == ActorState(is_off=True, deleted_tags=deleted)
    assert (store.actor("b").tags, store.actor("c").tags) == ({"theme:社保": 1.0}, {"theme:教育": 1.0})
    only_deleted = MemoryOnlineStore(min_actors=1)
    later = NOON + timedelta(days=9)
    rebuild_online(warehouse, only_deleted, Done({}), later, lambda: Choices(deleted=decided.deleted))
    assert only_deleted.actor("a") == ActorState(deleted_tags=deleted)


@pytest.mark.parametrize("anonymous_id", ["visitor-1", "0123456789abcdef" * 2, "0123456789ABCDEF" * 2])
@pytest.mark.parametrize("subject_id", ["", "f" * 32])
def test_the_warehouse_names_the_actor_of_a_row_of_before_as_the_event_does(
    warehouse: ClickHouseWarehouse, anonymous_id: str, subject_id: str
) -> None:
    row = {"subject": subject_id, "anonymous": anonymous_id, "actor": subject_id or anonymous_id}
    columns = "{subject:String} AS subject_id, {anonymous:String} AS anonymous_id, {actor:String} AS actor"
    found = warehouse.rows(f"SELECT {ACTOR} AS who FROM (SELECT {columns})", row)[0]["who"]
    assert found == an_event(subject_id=subject_id, anonymous_id=anonymous_id).actor


def test_withdrawn_consent_and_refusals_taken_back_survive_a_rebuild(
    tmp_path: Path, warehouse: ClickHouseWarehouse
) -> None:
    def one(kind: str, item: str, n: int, **fields: Any) -> Event:
        return an_event(kind, item, n, NOON + timedelta(seconds=n), **{"consent": "personalise", **fields})

    gone = {"anonymous_id": "browser", "subject_id": "f" * 32}
    events = [
        one("click", "i1", 1, **gone), one("dislike", "i2", 2, **gone), one("click", "i1", 3, anonymous_id="browser"),
        one("impression", "i1", 3, **gone), one("impression", "i2", 3, anonymous_id="browser"),
        one("consent_withdrawn", "", 4, consent="measure", **gone), one("click", "i3", 5, **gone),
        one("impression", "i1", 5, **gone), one("impression", "i2", 2, **gone),
        one("dislike", "i1", 6), one("dislike", "i2", 7), one("undislike", "i1", 8), one("favourite", "i2", 9),
        one("dislike", "i3", 10), one("dislike", "i1", 11, anonymous_id="long-ago"),
    ]  # fmt: skip
    with closing(Stream(tmp_path, warehouse, 3)) as stream:
        stream.send(events)
        stream.drain()
        day = local_date(NOON)
        columns = {"actor": ["f" * 32, "visitor-1"], "tag": ["theme:社保"] * 2, "weight": [1.0, 1.0],
                   "evidence": [1, 1], "last_at": [NOON] * 2}  # fmt: skip
        replace_day(warehouse, "actor_tags", day, [columns])
        rebuilt = MemoryOnlineStore(min_actors=1)
        rebuild_online(warehouse, rebuilt, stream.done(), stream.now)
        for store in (stream.online, rebuilt):
            assert [item.item_id for item in store.actor("f" * 32).recent] == ["i3"]
            assert store.actor("f" * 32).disliked == {}
            assert store.actor("f" * 32).shown == {hash_of("i1"): (to_ms(NOON) // 1000 + 5,)}
            assert store.actor("browser") == ActorState(signed_in={digest_of("f" * 32): to_ms(NOON) + 5_000})
            assert store.actor("visitor-1").disliked.keys() == {"i3"}
        assert rebuilt.actor("visitor-1").tags == {"theme:社保": 1.0}
        assert rebuilt.actor("f" * 32).tags == {}
        # Two months later it is only known what was seen.
        later = MemoryOnlineStore(min_actors=1)
        rebuild_online(warehouse, later, stream.done(), stream.now + timedelta(days=60))
        assert later.actor("f" * 32) == ActorState(seen=(hash_of("i3"),))
        assert not later.co_clicks(["i1", "i2", "i3"])
        # Half a year later only what was refused, restored or withdrawn is looked at.
        much_later = MemoryOnlineStore(min_actors=1)
        rebuild_online(warehouse, much_later, stream.done(), stream.now + timedelta(days=100))
        assert much_later.actor("visitor-1") == ActorState(disliked=store.actor("visitor-1").disliked)
        assert much_later.actor("f" * 32) == ActorState()
