"""The online store wiped under a job on Flink: it is complete again within a minute, and each event counts once."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from civicrec.clients import redis_client
from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.streaming.test_embedded import behaviour

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnFlink]:
    with on_flink(tmp_path_factory.mktemp("flink-wiped")) as one:
        yield one


def test_a_store_wiped_under_a_job_is_rebuilt_and_each_event_counts_once(
    world: OnFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    events = behaviour(3_000, step_s=5, actors=100)
    records = records_of(events)
    third = len(records) // 3
    world.send(records[:third])
    world.start()
    world.wait_counted(sum(record.n_events for record in records[:third]))
    time.sleep(3)  # the watch has looked once more
    world.send(records[third : 2 * third], at_once=40)
    with closing(redis_client(world.settings.redis)) as redis:
        redis.flushall()
    began = time.monotonic()
    wait_for(world.online.is_complete, 60, f"a complete store; {world.log_text[-2_000:]}")
    took = time.monotonic() - began
    world.send(records[2 * third :])
    world.wait_counted(len(events))
    with capsys.disabled():
        print(f"\ncomplete again {took:.1f} s after the wipe")  # noqa: T201  # a figure
    assert world.stored()[0] == len(events)
    assert world.civicrec("rebuild-online").stdout == "restored\n"
    assert world.progress().stored == len(events)
