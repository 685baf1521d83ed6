"""One partition without any event, others busy, and fewer parts of the job than partitions: nobody waits for the idle.

Two parts read three partitions, the silent one has a part to itself: neither what is counted nor checkpoints may wait
for it, and after a crash the job must know where it stands there, too.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from civicrec.accounting.progress import partition_of
from civicrec.eventlog.ports import Record
from civicrec.events import Event
from civicrec.kafka.writer import KafkaWriter
from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.services.test_flink_kill import assert_each_once, counted
from tests.streaming.test_embedded import behaviour

pytestmark = pytest.mark.services

PARTITIONS, PARTS, SILENT = 3, 2, 1
#: What an event may take to every store, on a machine with other work.
SOON_S = 10.0


def newest_checkpoint(world: OnFlink) -> int:
    return max((int(path.parent.name[4:]) for path in world.cluster.checkpoints.glob("*/chk-*/_metadata")), default=0)


def send_steadily(world: OnFlink, records: Sequence[Record], per_s: int) -> float:
    """Send at a steady rate; return the longest time, in seconds, that an event took until it was counted."""
    rest = list(reversed(records))
    waiting: list[tuple[int, float]] = []
    n_sent, slowest = counted(world), 0.0
    first, began = n_sent, time.monotonic()
    with closing(KafkaWriter(world.settings.kafka, world.log.name)) as writer:
        while rest or waiting:
            due, now = [], time.monotonic()
            while rest and n_sent - first < (now - began) * per_s:
                due.append(rest.pop())
                n_sent += due[-1].n_events
            if due:
                world.send_with(writer, due)
                waiting.append((n_sent, now))
            n_counted, now = counted(world), time.monotonic()
            done = [at for n, at in waiting if n <= n_counted]
            waiting = [(n, at) for n, at in waiting if n > n_counted]
            slowest = max([slowest, *(now - at for at in done)])
            assert now - began < len(records) + 120, (
                f"{len(waiting)} sendings are not counted; {world.log_text[-2000:]}"
            )
            time.sleep(0.05)
    return slowest


def killed(world: OnFlink, meanwhile: Sequence[Record]) -> float:
    """Kill the TaskManager, send, start another; return the seconds until what was sent is counted."""
    n, began = counted(world) + sum(record.n_events for record in meanwhile), time.monotonic()
    world.cluster.kill("taskmanager")
    world.send(meanwhile)
    world.cluster.start("taskmanager")
    wait_for(lambda: counted(world) >= n, 150, f"events after the end of the TaskManager; {world.log_text[-2000:]}")
    return time.monotonic() - began


def go_through(folder: Path, capsys: pytest.CaptureFixture[str], n_events: int, per_s: int, kills: int) -> None:
    busy: list[Event] = []
    silent: list[Event] = []
    for event in behaviour(n_events, step_s=5, actors=300):
        (silent if partition_of(event.actor, PARTITIONS) == SILENT else busy).append(event)
    records = records_of(busy)
    first, steady = records[:50], records[50 : -100 * kills]
    with on_flink(folder, PARTITIONS, {"CIVICREC_FLINK__PARALLELISM": str(PARTS)}) as world:
        world.start()
        world.send(first)
        world.wait_counted(sum(record.n_events for record in first))
        before, began = newest_checkpoint(world), time.monotonic()
        slowest_s = send_steadily(world, steady, per_s)
        n_checkpoints, took_s = newest_checkpoint(world) - before, time.monotonic() - began
        again = [killed(world, records[-100 * n :][:100]) for n in range(kills, 0, -1)]
        assert {partition.number for partition in world.progress().reached} == {0, 1, 2} - {SILENT}
        world.send(records_of(silent))
        assert_each_once(world, sorted([*busy, *silent], key=lambda event: event.occurred_at))
    with capsys.disabled():
        print(  # noqa: T201  # figures
            f"\n{len(busy)} events on two of three partitions, each counted within {slowest_s:.1f} s; {n_checkpoints}"
            f" checkpoints in {took_s:.0f} s; counted again {[round(s, 1) for s in again]} s after a kill; then"
            f" {len(silent)} on the third"
        )
    assert slowest_s < SOON_S
    assert n_checkpoints >= took_s / 10
    assert max(again) < 120


def test_a_silent_partition_holds_up_neither_events_nor_checkpoints_nor_the_way_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_through(tmp_path, capsys, n_events=6_000, per_s=150, kills=1)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_a_silent_partition_holds_up_nothing_over_a_hundred_thousand_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    go_through(tmp_path, capsys, n_events=160_000, per_s=1_500, kills=3)
