"""The real driver and graph on stores in memory, against a plain recomputation of the same log."""

import pickle
import random
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from apache_beam.coders import registry

from civicrec.errors import ConfigError, InvalidInput, Unavailable
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import LogRecord, Record
from civicrec.events import Event, dump, load
from streaming import embedded
from streaming.blocks import Block, Origin
from streaming.coders import BlockCoder
from streaming.enrich import enrich
from streaming.parse import parse_block
from streaming.registry import RegistryFacts
from tests.builders import NOON, an_event
from tests.streaming import oracle
from tests.streaming.world import ITEM_TYPES, World, a_world, failing_once

KINDS = ["click", "read", "impression", "favourite", "dislike", "page_view"]


def behaviour(n: int, seed: int = 1, step_s: int = 600, actors: int = 8, began: datetime = NOON) -> list[Event]:
    """Events of some visitors over days, in order of time."""
    rng = random.Random(seed)
    return [
        an_event(
            rng.choice(KINDS), item=rng.choice([*ITEM_TYPES, "unknown"]), n=seed * 100_000 + k,
            at=began + timedelta(seconds=step_s * k, milliseconds=rng.randrange(1000)),
            anonymous_id=f"v{rng.randrange(actors)}", consent=rng.choice(["measure", "personalise", "personalise"]),
            bot_reason=rng.choice(["", "", "", "agent"]),
            subject_id=f"{k % 11 % 3:032x}" if k % 11 < 3 else "",
        )
        for k in range(n)
    ]  # fmt: skip


def batches_of(world: World) -> list[list[Event]]:
    """The events of each committed batch, read from the log again."""
    return [
        [event for record in world.log.read(plan.first, plan.last) for event in load(record.record.value)[0]]
        for plan, _, _ in world.ledger.batches()
    ]


def assert_equals_the_recomputation(world: World, events: list[Event]) -> None:
    by_id = {row["event_id"]: row for row in world.events}
    assert len(world.events) == len(by_id) == len(events)
    for event in events:
        expected = oracle.row(event)
        assert {name: by_id[event.event_id][name] for name in expected} == expected
    for actor in {event.actor for event in events}:
        state = world.online.actor(actor)
        assert [(item.item_id, item.at_ms) for item in state.recent] == oracle.recent(events, actor)
        assert state.shown == oracle.shown(events, actor)
        assert state.signed_in == oracle.signed_in(events, actor)
    expected_trends = oracle.trends(batches_of(world))
    assert world.online.trends(list(expected_trends)) == expected_trends
    assert world.ledger.totals().stored == len(events)


def assert_co_clicks_equal(world: World, events: list[Event]) -> None:
    expected = oracle.co_clicks(events)
    found = {item: dict(others) for item, others in world.online.co_clicks(list(ITEM_TYPES)).items()}
    assert found.keys() == expected.keys()
    for item, others in expected.items():
        assert found[item] == pytest.approx(others)


@pytest.mark.parametrize("max_batch_events", [7, 60, 10_000])
def test_stores_hold_what_a_recomputation_of_the_log_gives(tmp_path: Path, max_batch_events: int) -> None:
    events = behaviour(300)
    with a_world(tmp_path, max_batch_events=max_batch_events, block_records=5) as world:
        for first in range(0, 300, 20):
            world.send(events[first : first + 20])
            if max_batch_events < 10_000:
                world.drain()
        world.drain()
        assert_equals_the_recomputation(world, events)
        assert_co_clicks_equal(world, events)
        assert world.driver.step() == 0


def test_late_and_disordered_events_land_where_they_belong(tmp_path: Path) -> None:
    events = behaviour(200)
    shuffled = random.Random(3).sample(events, len(events))
    with a_world(tmp_path, max_batch_events=50) as world:
        world.send(shuffled)
        world.drain()
        assert len(world.ledger.batches()) > 3
        assert_equals_the_recomputation(world, events)


def test_an_event_sent_twice_is_two_rows_of_one_id(tmp_path: Path) -> None:
    """The table is keyed by event id and read with FINAL; the online store must not be moved by the twin either."""
    event = an_event(item="i1", consent="personalise")
    with a_world(tmp_path) as world:
        world.send([event, event])
        world.drain()
        assert [row["event_id"] for row in world.events] == [event.event_id] * 2
        assert world.online.trends([oracle.at_ms(event) // oracle.HOUR_MS]) == {
            oracle.at_ms(event) // oracle.HOUR_MS: {"i1": 1.0}
        }


def test_poison_goes_to_dead_letters_and_the_stream_goes_on(tmp_path: Path) -> None:
    good = behaviour(20)
    with a_world(tmp_path, max_batch_events=10) as world:
        world.send(good[:10])
        world.log.append([Record("x", 4, b"\x00 not json"), Record("x", 2, b"[{},{}]"), Record("x", 1, b"[" * 99_999)])
        world.log.append([Record("x", 1, dump([an_event(anonymous_id="")]))])
        world.send(good[10:])
        world.drain()
        assert_equals_the_recomputation(world, good)
        totals = world.ledger.totals()
        assert totals.rejected == {"bad_json": 5, "bad_field": 2, "no_actor": 1}
        assert totals.committed == world.log.head()
        assert [row["raw"] for row in world.dead][:3] == [b"\x00 not json", b"{}", b"{}"]
        assert all(row["version"] and row["detail"] for row in world.dead)


_CUTS = [
    (store, method, matching, after)
    for store, method, matching in [
        ("warehouse", "insert", "events"), ("warehouse", "insert", "dead_letters"), ("dead_letters", "put", ""),
        ("online", "known_of", ""), ("online", "apply", ""), ("ledger", "commit", ""),
    ]
    for after in (False, True)
    if (store, after) != ("ledger", True)  # after its commit a batch is done
]  # fmt: skip


@pytest.mark.parametrize(("store", "method", "matching", "after"), _CUTS)
def test_a_batch_cut_off_anywhere_is_run_again_and_counts_once(
    tmp_path: Path, store: str, method: str, matching: str, after: bool
) -> None:
    events = behaviour(120)
    with a_world(tmp_path, max_batch_events=50) as world:
        world.send(events)
        world.log.append([Record("x", 1, b"poison")])
        failing_once(getattr(world, store), method, after=after, matching=matching)
        failures = 0
        while world.driver.backlog():
            try:
                world.driver.step()
            except Unavailable:
                assert world.ledger.unfinished()
                failures += 1
        assert failures == 1
        assert_equals_the_recomputation(world, events)
        assert_co_clicks_equal(world, events)
        assert len(world.dead) == 1
        assert list(world.dead_letters.kept.values()) == [b"poison"]


def test_a_slice_written_before_the_crash_is_not_written_again(tmp_path: Path) -> None:
    events = [
        an_event(item=f"i{k % 30}", n=k, anonymous_id=f"v{k}", consent="personalise") for k in range(1_200)
    ]  # several slices
    with a_world(tmp_path) as world:
        world.send(events)
        real = world.online.apply
        world.online.apply = lambda *words, **more: real(*words, **more) and 1 / 0  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError, match="while running 'write events, dead letters and the online store'"):
            world.driver.step()
        world.online.apply = real  # type: ignore[method-assign]
        assert 0 < len(world.online.known_of([event.actor for event in events]).recent) < 1_200
        world.drain()
        assert_equals_the_recomputation(world, events)


def test_a_new_process_finishes_the_plan_of_the_dead_one(tmp_path: Path) -> None:
    events = behaviour(60)
    with a_world(tmp_path, max_batch_events=20) as world:
        world.send(events[:30])
        failing_once(world.ledger, "commit", after=False)
        with pytest.raises(Unavailable):
            world.driver.step()
        planned = world.ledger.unfinished()
        with a_world(tmp_path, max_batch_events=10_000) as heir:
            heir.log, heir.warehouse, heir.online = world.log, world.warehouse, world.online
            heir.driver = embedded.Driver(
                world.log, heir.ledger, embedded.Stores(world.warehouse, world.online, _Catalogue()),
                embedded.StreamSettings(), lambda _: world.online.set_complete(True),
            )  # fmt: skip
            world.send(events[30:])
            heir.drain()
            assert heir.ledger.batches()[0][0] == planned
            assert_equals_the_recomputation(heir, events)
            heir.driver.close()


class _Catalogue:
    def facts(self) -> RegistryFacts:
        return RegistryFacts(ITEM_TYPES)


def test_a_log_that_was_replaced_is_said_so_and_nothing_is_lost_silently(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        world.send(behaviour(10))
        world.drain()
        world.driver._events = MemoryEventLog()
        with pytest.raises(ConfigError, match="the log was replaced"):
            world.driver.step()


def test_a_log_trimmed_beyond_the_ledger_is_said_so(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        world.send(behaviour(10))
        world.log.trim(1)
        with pytest.raises(ConfigError, match="was trimmed"):
            world.driver.step()
        assert world.ledger.totals().stored == 0


def test_a_plan_whose_records_are_gone_does_not_commit(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        world.send(behaviour(10))
        world.ledger.plan(world.log.head() + 5)
        with pytest.raises(ConfigError, match="the log was replaced"):
            world.driver.step()
        assert world.ledger.committed() == 0


def test_sinks_that_lose_an_event_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from streaming import sinks

    with a_world(tmp_path) as world:
        world.send(behaviour(10))
        real = sinks.joined
        monkeypatch.setattr(sinks, "joined", lambda parts: {name: values[1:] for name, values in real(parts).items()})
        with pytest.raises(RuntimeError, match="not committed"):
            world.driver.step()
        assert world.ledger.committed() == 0


def test_a_store_that_is_down_makes_the_stream_wait_and_not_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_FIRST_PAUSE_S", 0.001)
    faults = iter([Unavailable("down"), InvalidInput("no such column"), RuntimeError("beam"), Unavailable("down")])

    def attempt() -> str:
        for fault in faults:
            raise fault
        return "done"

    assert embedded._patiently(attempt, threading.Event()) == "done"


def test_a_stream_told_to_stop_does_not_wait_for_a_store() -> None:
    stop = threading.Event()

    def attempt() -> str:
        stop.set()
        raise Unavailable("down")

    assert embedded._patiently(attempt, stop) is None


def test_blocks_are_not_pickled_on_their_way_through_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beam pickles elements whose size it cannot guess: that took half of the CPU time."""
    monkeypatch.setattr(pickle, "dumps", None)
    monkeypatch.setattr(BlockCoder, "encode", None)
    with a_world(tmp_path) as world:
        world.send(behaviour(100))
        assert world.drain() == 100


def test_blocks_survive_the_way_between_workers() -> None:
    records = [LogRecord(1, Record("visitor-1", 2, dump(behaviour(2)))), LogRecord(2, Record("x", 1, b"poison"))]
    block = Block(Origin("log"), records)
    parsed = parse_block(block)
    facts = enrich(parsed, RegistryFacts(ITEM_TYPES))
    for value in (block, parsed, facts):
        coder = registry.get_coder(type(value))
        assert isinstance(coder, BlockCoder)
        assert coder.decode(coder.encode(value)) == value
        assert coder.estimate_size(value) > 0
