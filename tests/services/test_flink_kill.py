"""``kill -9`` of the cluster's processes under load: nothing lost, nothing doubled, and how long it takes to go on.

The online store is compared exactly: a co-click folded twice would weigh twice.
"""

import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from civicrec.eventlog.kafka_writer import KafkaWriter
from civicrec.events import Event
from civicrec.events import load as parsed
from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.streaming import oracle
from tests.streaming.test_embedded import behaviour
from tests.streaming.world import ITEM_TYPES

pytestmark = pytest.mark.services

KILLS = {
    "taskmanager": ("taskmanager",),
    "jobmanager": ("jobmanager",),
    "workers": ("workers",),
    "everything": ("jobmanager", "taskmanager", "jobserver", "expansion", "workers"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnFlink]:
    with on_flink(tmp_path_factory.mktemp("flink-kill")) as one:
        one.start()
        yield one


class Load:
    """Sends events at a steady rate until told to stop."""

    def __init__(self, world: OnFlink, events: list[Event], per_s: int) -> None:
        self.sent = 0
        self._world, self._records, self._per_s = world, records_of(events), per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        began, n_events = time.monotonic(), 0
        with closing(KafkaWriter(self._world.settings.kafka, self._world.log.name)) as writer:
            while self.sent < len(self._records) and not self._stop.is_set():
                due = []
                while self.sent < len(self._records) and n_events < (time.monotonic() - began) * self._per_s:
                    due.append(self._records[self.sent])
                    n_events += due[-1].n_events
                    self.sent += 1
                if due:
                    self._world.send_with(writer, due)
                time.sleep(0.05)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()

    def sent_events(self) -> int:
        return sum(record.n_events for record in self._records[: self.sent])


def counted(world: OnFlink) -> int:
    return world.fences().stored


def killed(world: OnFlink, names: tuple[str, ...]) -> float:
    """Kill them, start them again, and return the seconds until events are stored again."""
    began, jobs = time.monotonic(), _jobs(world)
    if len(names) > 1:
        world.leave(signal.SIGKILL)
    world.cluster.kill(*names)
    time.sleep(0.5)  # what was under way has ended
    before = counted(world)
    world.cluster.start(*names)
    if len(names) > 1:
        world.start(wait=False)
    if "jobmanager" in names:  # without one the TaskManager goes on for some seconds; then the job is begun anew
        wait_for(lambda: _jobs(world) > jobs, 150, f"a new job after the end of {names}; {world.said[-2000:]}")
        before = counted(world)
    wait_for(lambda: counted(world) > before, 150, f"events after the end of {names}; {world.said[-2000:]}")
    return time.monotonic() - began


def _jobs(world: OnFlink) -> int:
    return world.said.count("job_resumed") + world.said.count("stream_started")


def assert_each_once(world: OnFlink, events: list[Event]) -> None:
    world.wait_counted(len(events), 120)
    assert world.stored() == (len(events), len(events))
    expected: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    by_actor: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_actor[event.actor].append(event)
    for actor, mine in by_actor.items():
        kept = [(item.item_id, item.at_ms) for item in world.online.actor(actor).recent]
        assert kept == oracle.recent(mine, actor)
        for item, others in oracle.co_clicks(mine).items():
            for other, weight in others.items():
                expected[item][other] += weight
    trends = oracle.trends([events])
    found_trends = world.online.trends(list(trends))
    assert found_trends.keys() == trends.keys()
    for hour, weights in trends.items():
        assert found_trends[hour] == pytest.approx(weights)
    found = world.online.co_clicks(list(ITEM_TYPES))
    assert found.keys() == expected.keys()
    for item, others in expected.items():
        assert dict(found[item]) == pytest.approx(others)


def test_each_event_counts_once_whatever_of_the_cluster_is_killed(
    world: OnFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    events = behaviour(60_000, step_s=5, actors=300)  # as many as are sent; some three days
    load, took = Load(world, events, per_s=150), {}
    with load.running():
        wait_for(lambda: counted(world) > 300 and world.cluster.complete_checkpoints(), 90, "the first events")
        for name, processes in KILLS.items():
            took[name] = killed(world, processes)
            time.sleep(3)
    with capsys.disabled():
        print("\nseconds until events are stored again:", {name: round(s, 1) for name, s in took.items()})  # noqa: T201  # a figure
    assert_each_once(world, _those_of(events, load))
    assert max(took.values()) < 120


def _those_of(events: list[Event], load: Load) -> list[Event]:
    sent = [event for record in load._records[: load.sent] for event in parsed(record.value)[0]]
    ids = {event.event_id for event in sent}
    return [event for event in events if event.event_id in ids]


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_hundred_thousand_events_and_eight_kills(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    events = behaviour(400_000, step_s=1, actors=2_000)
    took: dict[str, list[float]] = {name: [] for name in KILLS}
    with on_flink(tmp_path_factory.mktemp("flink-kill-long")) as world:
        world.start()
        load = Load(world, events, per_s=500)
        with load.running():
            wait_for(lambda: counted(world) > 500 and world.cluster.complete_checkpoints(), 90, "the first events")
            while sum(map(len, took.values())) < 8 or load.sent_events() < 100_000:
                for name, processes in KILLS.items():
                    took[name].append(killed(world, processes))
                    time.sleep(5)
        sent = _those_of(events, load)
        assert_each_once(world, sent)
    with capsys.disabled():
        print(f"\n{len(sent)} events;", {name: [round(s, 1) for s in all_] for name, all_ in took.items()})  # noqa: T201
