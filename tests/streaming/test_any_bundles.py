"""The stores after a log came in any bundles, again, and by either engine, against a plain recomputation of the log.

A cluster promises little: bundles are cut as it likes, after a failure a partition is read again from some earlier
place, and a worker that was thought dead may still be writing. Only a partition's order is kept.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from civicrec.accounting.progress import Commit, CommittedProgress, Partition, partition_of
from civicrec.errors import Unavailable
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import LogRecord, Record
from civicrec.events import dump
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import OnlineUpdate
from streaming.blocks import Block, Origin
from streaming.enrich import enrich
from streaming.parse import parse_block
from streaming.registry import RegistryFacts
from streaming.sinks import Stores, write
from tests.streaming import oracle
from tests.streaming.test_embedded import behaviour
from tests.streaming.world import ITEM_TYPES, FixedRegistry, TokenWarehouse, World, a_world

EVENTS = behaviour(160, step_s=5_400)  # days, so that actors come back outside the window of a co-click
KEYS = {"events": ("event_id",), "dead_letters": ("log", "log_offset", "piece")}


class KeyedWarehouse(TokenWarehouse):
    """As read with FINAL: of each key one row."""

    def of(self, table: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        return {tuple(row[name] for name in KEYS[table]): row for row in self.tables[table]}


def sent(world: World) -> list[LogRecord]:
    world.send(EVENTS[:100])
    world.log.append([Record("x", 4, b"\x00 not json"), Record("y", 1, dump(EVENTS[:1]).replace(b"demo", b"\\u00"))])
    world.send(EVENTS[100:])
    return world.log.read(0, world.log.head())


@dataclass
class PartitionSource:
    """What a cluster reads of one partition: a range of its records with each bundle."""

    partition: Partition
    records: list[LogRecord]
    at: int = 0
    checkpoints: list[int] = field(default_factory=lambda: [0])

    def next(self, n: int) -> list[LogRecord]:
        found = self.records[self.at : self.at + n]
        self.at += len(found)
        return found


def block(log: MemoryEventLog, partition: Partition, records: Sequence[LogRecord]) -> Block:
    return Block(Origin(log.name, partition), records, records[-1].offset)


def bundle(stores: Stores, blocks: Sequence[Block]) -> None:
    write(stores, [enrich(parse_block(one), RegistryFacts(ITEM_TYPES)) for one in blocks])


def assert_as_recomputed(world: World, warehouse: KeyedWarehouse, progress: CommittedProgress) -> None:
    rows = warehouse.of("events")
    assert {key[0] for key in rows} == {event.event_id for event in EVENTS}
    for event in EVENTS:
        expected = oracle.row(event)
        assert {name: rows[(event.event_id,)][name] for name in expected} == expected
    assert len(warehouse.of("dead_letters")) == 2
    for actor in {event.actor for event in EVENTS}:
        state = world.online.actor(actor)
        assert [tuple(pair) for pair in map(_pair, state.recent)] == oracle.recent(EVENTS, actor)
        assert state.shown == oracle.shown(EVENTS, actor)
        assert state.signed_in == oracle.signed_in(EVENTS, actor)
    assert any(world.online.actor(event.actor).signed_in for event in EVENTS)
    assert any(world.online.actor(event.actor).shown for event in EVENTS)
    trends = oracle.trends([EVENTS])
    assert world.online.trends(list(trends)) == trends
    expected = oracle.co_clicks(EVENTS)
    found = world.online.co_clicks(list(ITEM_TYPES))
    assert found.keys() == expected.keys()
    for item, others in expected.items():
        assert dict(found[item]) == pytest.approx(others)
    # Each event counted once, as the books need it.
    assert progress.stored == len(EVENTS)
    assert sum(progress.rejected.values()) == 5


def _pair(item: Any) -> tuple[str, int]:
    return item.item_id, item.at_ms


_parts = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12)), min_size=1, max_size=4)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("bundle"), _parts),
        st.tuples(st.just("checkpoint"), st.none()),
        st.tuples(st.just("restore"), st.integers(1, 3)),
        st.tuples(st.just("crash in a bundle"), st.integers(0, 3)),
        st.tuples(st.just("embedded"), st.integers(1, 3)),
    ),
    max_size=25,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_steps, partitions=st.sampled_from([1, 2, 3]))
def test_any_bundles_of_either_engine_lead_to_the_recomputation(steps: list[tuple[str, Any]], partitions: int) -> None:
    with tempfile.TemporaryDirectory() as folder, a_world(Path(folder), max_batch_events=20, block_records=3) as world:
        records = sent(world)
        world.online.set_complete(True)
        warehouse = KeyedWarehouse()
        stores = Stores(warehouse, world.online, FixedRegistry())
        world.driver._batch.stores = stores
        topic = [
            PartitionSource(
                Partition(partitions, n),
                [record for record in records if partition_of(record.record.key, partitions) == n],
            )
            for n in range(partitions)
        ]

        def run(parts: Sequence[tuple[Partition, int]]) -> None:
            blocks = [block(world.log, one.partition, found) for one, n in parts if (found := one.next(n))]
            if blocks:
                bundle(stores, blocks)

        for kind, argument in steps:
            if kind == "bundle":
                run([(topic[n % partitions], size) for n, size in argument])
            elif kind == "checkpoint":
                for one in topic:
                    one.checkpoints.append(one.at)
            elif kind == "restore":
                for one in topic:
                    one.at = one.checkpoints[-min(argument, len(one.checkpoints))]
            elif kind == "crash in a bundle":
                with _dying_after(world.online, argument), suppress(Unavailable):
                    run([(one, 9) for one in topic])
                    run([(one, 9) for one in topic])
                for one in topic:
                    one.at = one.checkpoints[-1]
            else:
                for _ in range(argument):
                    world.driver.step()
        # Whoever goes on to the end.
        if len(steps) % 2:
            world.drain()
        run([(one, len(one.records)) for one in topic])
        progress = world.online.progress(world.log.name)
        assert_as_recomputed(world, warehouse, progress)
        assert all(progress.have(Partition(), record.record.key, record.offset) for record in records)


def test_a_worker_thought_dead_that_still_writes_changes_nothing(tmp_path: Path) -> None:
    """Its successor reads the same records while it is writing them; whoever is late is refused and looks again."""
    with a_world(tmp_path) as world:
        records = sent(world)
        world.online.set_complete(True)
        warehouse = KeyedWarehouse()
        stores = Stores(warehouse, world.online, FixedRegistry())
        real, partition, calls = world.online.apply, Partition(1, 0), [0]

        def overtaken(commit: Commit, update: OnlineUpdate, **words: bool) -> bool:
            calls[0] += 1
            if calls[0] == 2:  # between its reading and its writing, another takes half of the same records and more
                world.online.apply = real  # type: ignore[method-assign]
                half = len(records) // 2
                bundle(stores, [block(world.log, partition, records[: half + 5])])
            return real(commit, update, **words)

        bundle(stores, [block(world.log, partition, records[:10])])
        world.online.apply = overtaken  # type: ignore[method-assign]
        bundle(stores, [block(world.log, partition, records[10:20])])
        world.online.apply = overtaken  # type: ignore[method-assign]
        bundle(stores, [block(world.log, partition, records[10 : len(records) // 2 + 9])])
        bundle(stores, [block(world.log, partition, records[20:])])
        assert calls[0] >= 2
        assert_as_recomputed(world, warehouse, world.online.progress(world.log.name))


def test_two_engines_at_once_fold_each_record_once(tmp_path: Path) -> None:
    """The embedded stream takes a batch between the cluster's reading and its writing, and the other way round."""
    with a_world(tmp_path, max_batch_events=20) as world:
        records = sent(world)
        world.online.set_complete(True)
        warehouse = KeyedWarehouse()
        stores, world.driver._batch.stores = (Stores(warehouse, world.online, FixedRegistry()) for _ in range(2))
        partitions = [
            PartitionSource(Partition(2, n), [one for one in records if partition_of(one.record.key, 2) == n])
            for n in range(2)
        ]
        real, nested = world.online.apply, [False]

        def disturbed(commit: Commit, update: OnlineUpdate, **words: bool) -> bool:
            if not nested[0]:
                nested[0] = True
                world.driver.step() if commit.partition.parts == 2 else bundle_of(7)
                nested[0] = False
            return real(commit, update, **words)

        def bundle_of(n: int) -> None:
            if blocks := [block(world.log, one.partition, found) for one in partitions if (found := one.next(n))]:
                bundle(stores, blocks)

        world.online.apply = disturbed  # type: ignore[method-assign]
        for _ in range(4):
            bundle_of(5)
            world.driver.step()
        nested[0] = True
        world.drain()
        bundle_of(len(records))
        assert_as_recomputed(world, warehouse, world.online.progress(world.log.name))


def test_two_logs_of_equal_offsets_do_not_meet(tmp_path: Path) -> None:
    warehouse, online = KeyedWarehouse(), MemoryOnlineStore(min_actors=1)
    online.set_complete(True)
    stores = Stores(warehouse, online, FixedRegistry())
    logs = [MemoryEventLog(), MemoryEventLog()]
    for n, log in enumerate(logs):
        log.append([Record("x", 1, b"poison"), Record("v0", 1, dump(EVENTS[n : n + 1]))])
    for log in logs:
        bundle(stores, [block(log, Partition(2, 1), log.read(0, 2))])
    assert len(warehouse.of("dead_letters")) == 2
    assert len(warehouse.of("events")) == 2
    assert [online.progress(log.name).stored for log in logs] == [1, 1]


@contextmanager
def _dying_after(online: MemoryOnlineStore, n: int) -> Iterator[None]:
    """The worker dies at its n-th write of the online store, whatever of the bundle was written before."""
    real, left = online.apply, [n]

    def apply(commit: Commit, update: OnlineUpdate, **words: bool) -> bool:
        if not left[0]:
            raise Unavailable("killed")
        left[0] -= 1
        return real(commit, update, **words)

    online.apply = apply  # type: ignore[method-assign]
    try:
        yield
    finally:
        online.apply = real  # type: ignore[method-assign]
