"""A store that is wiped while a cluster's workers write, at any moment, ends as if it never was.

The topic and the warehouse are twins in memory; the workers are a cluster's as `test_any_bundles` has them, and hold
their bundle back while the store is incomplete.
"""

import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from civicrec.accounting.progress import CommittedProgress, Partition, partition_of
from civicrec.errors import Unavailable
from civicrec.eventlog.ports import Record
from civicrec.events import Event, dump
from civicrec.home import STREAM_LOCK
from civicrec.kafka.reader import TopicRecord
from civicrec.process.locks import owned
from civicrec.settings import Settings
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import Incomplete
from streaming.enrich import enrich
from streaming.parse import parse_block
from streaming.registry import RegistryFacts
from streaming.repair import online_watch, rebuild
from streaming.repair.online_watch import OnlineWatch, catch_up, kept_progress, wait_copied
from streaming.repair.rebuild import Done, rebuild_online
from streaming.sinks import Stores, write
from streaming.sources import topic_blocks
from tests.streaming import oracle
from tests.streaming.test_any_bundles import KeyedWarehouse
from tests.streaming.test_embedded import behaviour
from tests.streaming.world import ITEM_TYPES, FixedRegistry

EVENTS = behaviour(160, step_s=900)  # less than two days, so that every trend is still kept
NOW = max(event.occurred_at for event in EVENTS)


class Warehouse(KeyedWarehouse):
    """Answers the questions of a rebuild."""

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        asked = parameters or {}
        rows = self.of("events").values()
        if sql == online_watch._STORED:
            return [{"1": 1} for row in rows if str(row["event_id"]) in asked["ids"]]
        if sql == rebuild._DAYS:
            days = [_day(row) for row in rows if row["item_known"] and row["kind"] in asked["kinds"]]
            return [{"day": day, "n": days.count(day)} for day in sorted(set(days))]
        assert "actor_tags" in sql
        return [{"day": None, "n": 0}]

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        asked = parameters or {}
        if sql == rebuild._SIGNED_IN:
            return pa.Table.from_pylist(self._signed_in(asked["day"]))
        assert sql == rebuild._EVENTS_OF_DAY
        names = ("actor", "item_id", "kind", "log", "log_offset")
        found = [
            {name: row[name] for name in names}
            | {"at_ms": row["occurred_at"], "is_personal": row["consent"] == "personalise"}
            for row in self.of("events").values()
            if _day(row) == asked["day"] and row["item_known"] and not row["bot_reason"]
            and row["kind"] in asked["kinds"]
        ]  # fmt: skip
        return pa.Table.from_pylist(sorted(found, key=lambda row: (row["log_offset"], row["at_ms"], row["item_id"])))

    def _signed_in(self, day: date) -> list[dict[str, Any]]:
        latest: dict[tuple[Any, ...], int] = {}
        for row in self.of("events").values():
            if _day(row) == day and row["subject_id"] and row["anonymous_id"]:
                is_personal = row["consent"] == "personalise"
                key = (row["subject_id"], row["anonymous_id"], is_personal, row["log"], row["log_offset"])
                latest[key] = max(row["occurred_at"], latest.get(key, row["occurred_at"]))
        names = ("subject_id", "anonymous_id", "is_personal", "log", "log_offset")
        return [dict(zip(names, key, strict=True)) | {"at_ms": at_ms} for key, at_ms in sorted(latest.items())]


def _day(row: Mapping[str, Any]) -> Any:
    return date(1970, 1, 1) + timedelta(days=row["local_date"])


class Topic:
    """Reads as `KafkaReader` does, of a topic that grows while it is read.

    Between two records an offset is left out, as a transaction's end would be.
    """

    def __init__(self, partitions: int, records: Sequence[tuple[str, int, Record]]) -> None:
        self.partitions = list(range(partitions))
        self.between: Callable[[], object] = lambda: None  # what goes on while it is being read
        self.kept: list[list[TopicRecord]] = [[] for _ in range(partitions)]
        self._coming: list[list[TopicRecord]] = [[] for _ in range(partitions)]
        for log, offset, record in records:
            number = partition_of(record.key, partitions)
            mine = self._coming[number]
            mine.append(TopicRecord(number, 2 * len(mine), log, offset, record))

    def grow(self, n: int) -> None:
        for number in self.partitions:
            self.kept[number] += self._coming[number][:n]
            del self._coming[number][:n]

    def ends(self) -> dict[int, int]:
        return {number: 2 * len(self.kept[number]) for number in self.partitions}

    def read(self, start: Mapping[int, int], limit: int) -> tuple[list[TopicRecord], dict[int, int]]:
        self.between()
        found: list[TopicRecord] = []
        reached = {}
        for number in self.partitions:
            later = [one for one in self.kept[number] if one.offset >= start.get(number, 0)]
            taken = later[: limit - len(found)]
            found += taken
            reached[number] = taken[-1].offset + 1 if taken and len(taken) < len(later) else start.get(number, 0)
            if len(taken) == len(later):
                reached[number] = max(start.get(number, 0), self.ends()[number])
        return found, reached


@dataclass
class Worker:
    """Reads one partition, and keeps a bundle that the stores refused."""

    stores: Stores
    records: list[TopicRecord]
    partitions: int
    at: int = 0
    checkpoint: int = 0
    held: list[TopicRecord] = field(default_factory=list)

    def work(self, n: int) -> None:
        bundle = self.held or self.records[self.at : self.at + n]
        blocks = list(topic_blocks(bundle, self.partitions, 3))
        self.held = bundle
        try:
            write(self.stores, [enrich(parse_block(block), RegistryFacts(ITEM_TYPES)) for block in blocks])
        except Incomplete:
            return
        self.at += len(bundle)
        self.held = []

    def restart(self) -> None:
        self.at, self.held = self.checkpoint, []


class Cluster:
    """Workers on a topic of two logs, their stores, and the watch over the online store."""

    def __init__(self, home: Path, partitions: int) -> None:
        self.warehouse, self.online = Warehouse(), MemoryOnlineStore(min_actors=1)
        records = sorted(
            ((log, n, record) for log in ("a", "b") for n, record in enumerate(records_of(log), 1)),
            key=lambda one: one[1],
        )
        records[40:40] = [("c", n, Record("x", 4, b"\x00 not json")) for n in range(1, 10)]
        self.topic = Topic(partitions, records)
        stores = Stores(self.warehouse, self.online, FixedRegistry())
        self.workers = [Worker(stores, self.topic.kept[n], partitions) for n in range(partitions)]
        self.watch = OnlineWatch(Settings(home=home), self.online)
        self.caught_up = 0

    def look(self, tries: int = 0) -> None:
        """What the watching process does, while each worker tries to write `tries` records again and again."""

        def all_work(*_: object) -> None:
            self.topic.grow(tries)
            for worker in self.workers if tries else ():
                worker.work(tries)

        self.topic.between = all_work
        if not self.watch.look():
            stores = Stores(self.warehouse, self.online, FixedRegistry(), only_complete=False)

            def from_topic() -> None:
                self.caught_up += catch_up(stores, self.topic, margin=40, block_records=3, at_once=4)  # type: ignore[arg-type]

            rebuild_online(
                self.warehouse, self.online, Done(self.watch.kept), NOW, report=all_work, catch_up=from_topic
            )

    def work_torn(self, worker: Worker, n: int, after: int, wiped: bool) -> None:
        """A worker writes its bundle; when it has written some of it, the progress is copied, and the store may go."""
        real, left = self.online.apply, [after]

        def apply(*words: Any, **more: Any) -> bool:
            left[0] -= 1
            if left[0] == -1:
                self.look()
                if wiped:
                    self.online.clear()
            return real(*words, **more)

        self.online.apply = apply  # type: ignore[method-assign]
        try:
            worker.work(n)
        finally:
            self.online.apply = real  # type: ignore[method-assign]

    def finish(self) -> None:
        self.topic.grow(1_000)
        self.look()
        for worker in self.workers:
            while worker.at < len(worker.records):
                worker.work(50)


def records_of(log: str) -> list[Record]:
    """Each actor's events of six that follow one another, in a record; half of the actors are in either log."""
    found = []
    events = [event for event in EVENTS if (int(event.actor[1:]) % 2 == 0) == (log == "a")]
    for first in range(0, len(events), 6):
        by_actor: dict[str, list[Event]] = defaultdict(list)
        for event in events[first : first + 6]:
            by_actor[event.actor].append(event)
        found += [Record(actor, len(mine), dump(mine)) for actor, mine in by_actor.items()]
    return found


@contextmanager
def a_cluster(partitions: int) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory() as folder:
        yield Cluster(Path(folder), partitions)


def assert_as_recomputed(cluster: Cluster) -> None:
    online = cluster.online
    for actor in {event.actor for event in EVENTS}:
        assert [(item.item_id, item.at_ms) for item in online.actor(actor).recent] == oracle.recent(EVENTS, actor)
    trends = oracle.trends([EVENTS])
    assert online.trends(list(trends)) == trends
    expected = oracle.co_clicks(EVENTS)
    found = online.co_clicks(list(ITEM_TYPES))
    assert found.keys() == expected.keys()
    for item, others in expected.items():
        assert dict(found[item]) == pytest.approx(others)
    done = cluster.online.done()
    assert done["a"].stored + done["b"].stored == len(EVENTS)
    assert done["c"].rejected == {"bad_json": 36}
    assert len(cluster.warehouse.of("events")) == len(EVENTS)


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("work"), st.integers(0, 2), st.integers(1, 9)),
        st.tuples(st.just("work torn"), st.integers(0, 2), st.integers(1, 9), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("look"), st.integers(0, 4)),
        st.tuples(st.just("wipe")),
        st.tuples(st.just("say it is incomplete")),
        st.tuples(st.just("checkpoint")),
        st.tuples(st.just("restart"), st.integers(0, 2)),
    ),
    max_size=40,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_steps, partitions=st.sampled_from([1, 2, 3]))
@example([("look", 0), ("work", 0, 9), ("look", 0), ("work", 0, 9), ("wipe",), ("work", 0, 5), ("look", 3)], 1)
def test_a_store_wiped_at_any_moment_ends_as_the_recomputation(steps: list[tuple[Any, ...]], partitions: int) -> None:
    with a_cluster(partitions) as cluster:
        cluster.topic.grow(10)
        for name, *words in steps:
            cluster.topic.grow(2)
            match name:
                case "work":
                    cluster.workers[words[0] % partitions].work(words[1])
                case "work torn":
                    cluster.work_torn(cluster.workers[words[0] % partitions], *words[1:])
                case "look":
                    cluster.look(*words)
                case "wipe":
                    cluster.online.clear()
                case "say it is incomplete":
                    cluster.online.set_complete(False)
                case "checkpoint":
                    for worker in cluster.workers:
                        worker.checkpoint = worker.checkpoint if worker.held else worker.at
                case "restart":
                    cluster.workers[words[0] % partitions].restart()
        cluster.finish()
        assert_as_recomputed(cluster)


def test_what_workers_did_after_the_last_copy_comes_from_the_topic_and_no_more_than_that() -> None:
    with a_cluster(1) as cluster:
        (worker,) = cluster.workers
        cluster.topic.grow(60)
        cluster.look()
        worker.work(20)
        cluster.look()
        worker.work(7)
        cluster.online.clear()
        worker.work(5)  # in the warehouse, and refused by the store
        cluster.look()
        assert 12 <= cluster.caught_up < 12 + 4
        assert cluster.online.is_complete()
        cluster.finish()
        assert_as_recomputed(cluster)


def test_a_store_put_back_to_an_older_copy_is_incomplete(tmp_path: Path) -> None:
    online = MemoryOnlineStore(min_actors=1)
    watch = OnlineWatch(Settings(home=tmp_path), online)
    assert not watch.look()
    online.set_complete(True)
    online._progress["log"] = CommittedProgress({Partition(2, 0): 5, Partition(2, 1): 4})
    assert watch.look()
    assert kept_progress(Settings(home=tmp_path).progress_path) == watch.kept == online.done()
    online._progress["log"] = CommittedProgress({Partition(2, 0): 7, Partition(2, 1): 3})
    assert not watch.look()
    assert not online.is_complete()


@contextmanager
def a_stream(home: Settings, online: MemoryOnlineStore, copies: bool = True) -> Iterator[None]:
    """Hold the stream's lock, and look after the store, or hang, until the body ends."""
    over = threading.Event()

    def run() -> None:
        watch = OnlineWatch(home, online)
        while not over.wait(0.05):
            if copies:
                watch.look()

    with owned(STREAM_LOCK.of(home.home), "the stream"):
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def test_a_recovery_is_in_the_copy_before_its_dead_letter_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, online = Settings(home=tmp_path), MemoryOnlineStore(min_actors=1)
    online.set_complete(True)
    online._progress["log"] = CommittedProgress({Partition(): 9}, 5, {"bad_json": 4})
    online._progress[rebuild.REBUILD_LOG] = CommittedProgress(
        {Partition(): 1}, 7
    )  # of the rebuild alone, and never copied

    def copied() -> tuple[int, dict[str, int]]:
        wait_copied(home, online)
        kept = kept_progress(home.progress_path)["log"]
        return kept.stored, kept.rejected

    online.recover("log", (1, 1), "bad_json", 1)
    assert copied() == (6, {"bad_json": 3})  # no stream runs: copied here
    with a_stream(home, online):
        online.recover("log", (2, 1), "bad_json", 2)
        assert copied() == (8, {"bad_json": 1})
    monkeypatch.setattr(online_watch, "_COPY_S", 0.2)
    with a_stream(home, online, copies=False):
        assert copied() == (8, {"bad_json": 1})  # nothing new to wait for
        online.recover("log", (3, 1), "bad_json", 1)
        with pytest.raises(Unavailable, match="does not copy its progress"):
            wait_copied(home, online)
        online.set_complete(False)
        with pytest.raises(Incomplete):
            wait_copied(home, online)


def test_a_file_of_progress_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    path = Settings(home=tmp_path).progress_path
    assert kept_progress(path) == {}
    for content in (b"", b"[]", b'{"log": {"partition:1:0": "x"}}'):
        path.write_bytes(content)
        assert kept_progress(path) == {}


def test_a_file_of_before_partitions_had_their_name_tells_the_same(tmp_path: Path) -> None:
    path = Settings(home=tmp_path).progress_path
    path.write_bytes(b'{"log": {"stored": 5, "rejected:bad_json": 1, "lane:2:1": 9, "position:2:1": 7}}')
    assert kept_progress(path) == {
        "log": CommittedProgress({Partition(2, 1): 9}, 5, {"bad_json": 1}, {Partition(2, 1): 7})
    }


def test_what_dislikes_once_committed_as_a_log_is_left_out_wherever_it_stands(tmp_path: Path) -> None:
    settings, online = Settings(home=tmp_path), MemoryOnlineStore()
    settings.progress_path.write_bytes(b'{"log": {"stored": 5}, "feedback": {"partition:256:7": 1774000000000000}}')
    online.set_complete(True)
    online._progress["log"] = CommittedProgress({Partition(): 9}, 6)
    online._progress["feedback"] = CommittedProgress({Partition(256, 9): 1774000000000001})
    watch = OnlineWatch(settings, online)
    assert watch.kept == {"log": CommittedProgress(stored=5)}
    assert watch.look()
    assert watch.kept == kept_progress(settings.progress_path) == {"log": CommittedProgress({Partition(): 9}, 6)}
    assert "feedback" not in settings.progress_path.read_text()


def test_the_file_of_an_older_home_is_taken_over_under_its_new_name(tmp_path: Path) -> None:
    path = Settings(home=tmp_path).progress_path
    older = path.with_name("fences.json")
    older.write_bytes(b'{"log": {"stored": 5, "lane:2:1": 9}}')
    kept = OnlineWatch(Settings(home=tmp_path), MemoryOnlineStore()).kept
    assert kept == kept_progress(path) == {"log": CommittedProgress({Partition(2, 1): 9}, 5)}
    older.write_bytes(b'{"log": {"stored": 1}}')  # by an older program meanwhile: what is newer stays
    assert OnlineWatch(Settings(home=tmp_path), MemoryOnlineStore()).kept == kept
