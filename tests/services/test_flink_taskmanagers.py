"""A job spread over several TaskManagers: when one dies, a spare one takes its part, and each event counts once."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.services.test_flink_kill import assert_each_once, counted
from tests.streaming.test_embedded import behaviour

pytestmark = pytest.mark.services

SPARE = "taskmanager-3"


def busy(world: OnFlink) -> int:
    """TaskManagers whose one slot is taken."""
    found: dict[str, Any] = httpx.get(f"http://{world.settings.flink.rest}/taskmanagers", timeout=5).json()
    return sum(one["freeSlots"] == 0 for one in found["taskmanagers"])


def go_through(folder: Path, capsys: pytest.CaptureFixture[str], n_events: int) -> None:
    events = behaviour(n_events, step_s=5, actors=300)
    records = records_of(events)
    third = len(records) // 3
    with on_flink(folder, 2, slots=1, parallelism=2) as world:
        world.cluster.start("taskmanager-2")
        world.send(records[:third])
        world.start()
        world.wait_counted(sum(record.n_events for record in records[:third]))
        assert busy(world) == 2
        world.cluster.start(SPARE)
        assert busy(world) == 2
        took = []
        for name, part in (("taskmanager-2", records[third : 2 * third]), ("taskmanager", records[2 * third :])):
            n, began = counted(world) + sum(record.n_events for record in part), time.monotonic()
            world.cluster.kill(name)
            world.send(part)
            wait_for(lambda n=n: counted(world) >= n, 150, f"events after the end of {name}; {world.log_text[-2000:]}")
            took.append(time.monotonic() - began)
            if name == "taskmanager-2":
                world.cluster.start(name)  # the spare one of the next round
        assert world.status()["flink"]["restarts"] >= 2  # type: ignore[index]
        assert_each_once(world, events)
    with capsys.disabled():
        print(f"\n{n_events} events on two of three TaskManagers, counted {took[0]:.1f}, {took[1]:.1f} s after a kill")  # noqa: T201


def test_a_spare_task_manager_takes_over_and_each_event_counts_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_through(tmp_path, capsys, 6_000)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_spare_task_manager_takes_over_a_hundred_thousand_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_through(tmp_path, capsys, 120_000)
