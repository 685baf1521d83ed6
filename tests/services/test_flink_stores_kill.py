"""``kill -9`` of what a job on Flink reads and writes: broker, warehouse, online store. Each event counts once."""

import time
from pathlib import Path

import pytest

from civicrec.errors import Unavailable
from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.services.test_flink_kill import assert_each_once, counted
from tests.streaming.test_embedded import behaviour

pytestmark = pytest.mark.services

KILLED = ("warehouse", "valkey", "broker")


def kill(world: OnFlink, name: str) -> None:
    """Kill it and have it started again: the broker here, the stores by their supervisor."""
    if name == "broker":
        world.broker.kill()
        world.broker.start()
    else:
        world.stack.wait_restarted(name, world.stack.kill(name))


def has_counted(world: OnFlink, n: int) -> bool:
    try:
        return counted(world) >= n
    except Unavailable:  # the online store is just reading its file
        return False


def go_through(folder: Path, capsys: pytest.CaptureFixture[str], n_events: int, rounds: int) -> None:
    events = behaviour(n_events, step_s=5, actors=300)
    records = records_of(events)
    names = KILLED * rounds
    size = len(records) // (len(names) + 1)
    took: dict[str, list[float]] = {name: [] for name in KILLED}
    with on_flink(folder) as world:
        world.start()
        world.send(records[:size])
        world.wait_counted(sum(record.n_events for record in records[:size]))
        for n, name in enumerate(names, 1):
            part = records[n * size : (n + 1) * size if n < len(names) else None]
            expected = counted(world) + sum(record.n_events for record in part)
            world.send(part[: size // 2])
            began = time.monotonic()
            kill(world, name)  # while the job writes what was just sent
            world.send(part[size // 2 :])
            wait_for(
                lambda n=expected: has_counted(world, n),
                150,
                f"events after the end of {name}; {world.log_text[-2000:]}",
            )
            took[name].append(round(time.monotonic() - began, 1))
        assert_each_once(world, events)
        assert world.status()["balanced"] is True
    with capsys.disabled():
        print(f"\n{n_events} events, counted again {took} s after a kill")  # noqa: T201  # a figure


def test_the_stores_of_a_job_killed_in_turn_and_each_event_counts_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_through(tmp_path, capsys, 4_000, 1)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_the_stores_of_a_job_killed_again_and_again_over_a_hundred_thousand_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_through(tmp_path, capsys, 120_000, 3)
