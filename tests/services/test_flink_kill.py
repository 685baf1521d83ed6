"""``kill -9`` of the cluster's processes under load: nothing lost, nothing doubled, and how long it takes to go on.

The online store is compared exactly: a co-click folded twice would weigh twice.
"""

import time
from collections import defaultdict
from collections.abc import Iterator

import pytest

from civicrec.events import Event
from civicrec.events import load as parsed
from operations.bench.flink_recovery import SteadyLoad, killed
from profiles.online.bounds import MAX_HOURS
from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.streaming import oracle
from tests.streaming.test_embedded import behaviour
from tests.streaming.world import ITEM_TYPES

pytestmark = pytest.mark.services

#: What is killed; nothing named means everything, `civicrec stream` too.
KILLS = {"taskmanager": ["taskmanager"], "jobmanager": ["jobmanager"], "workers": ["workers"], "everything": []}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnFlink]:
    with on_flink(tmp_path_factory.mktemp("flink-kill")) as one:
        one.start()
        yield one


def counted(world: OnFlink) -> int:
    return world.progress().stored


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
    assert found_trends.keys() == set(sorted(trends)[-MAX_HOURS:])  # what is older has made room
    for hour, weights in found_trends.items():
        assert weights == pytest.approx(trends[hour])
    found = world.online.co_clicks(list(ITEM_TYPES))
    assert found.keys() == expected.keys()
    for item, others in expected.items():
        assert dict(found[item]) == pytest.approx(others)


def test_each_event_counts_once_whatever_of_the_cluster_is_killed(
    world: OnFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    events = behaviour(60_000, step_s=5, actors=300)  # as many as are sent; some three days
    load, took = SteadyLoad(world, records_of(events), per_s=150), {}
    with load.running():
        wait_for(lambda: counted(world) > 300 and world.cluster.complete_checkpoints(), 90, "the first events")
        for name, processes in KILLS.items():
            took[name] = killed(world, *processes)
            time.sleep(3)
    with capsys.disabled():
        print("\nseconds until events are stored again:", {name: round(s, 1) for name, s in took.items()})  # noqa: T201  # a figure
    assert_each_once(world, those_of(events, load))
    assert max(took.values()) < 120


def those_of(events: list[Event], load: SteadyLoad) -> list[Event]:
    ids = {event.event_id for record in load.sent for event in parsed(record.value)[0]}
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
        load = SteadyLoad(world, records_of(events), per_s=500)
        with load.running():
            wait_for(lambda: counted(world) > 500 and world.cluster.complete_checkpoints(), 90, "the first events")
            while sum(map(len, took.values())) < 8 or load.n_events < 100_000:
                for name, processes in KILLS.items():
                    took[name].append(killed(world, *processes))
                    time.sleep(5)
        sent = those_of(events, load)
        assert_each_once(world, sent)
    with capsys.disabled():
        print(f"\n{len(sent)} events;", {name: [round(s, 1) for s in all_] for name, all_ in took.items()})  # noqa: T201
