"""Figures of the stream on Flink, printed: throughput of a preloaded topic, and freshness at a steady load.

Everything shares this machine: broker, cluster, Python workers, gateway, Valkey and the load.
"""

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from civicrec.bench.stream import made_up_records
from civicrec.clock import monotonic_s, utc_now
from civicrec.eventlog.kafka_writer import KafkaWriter
from civicrec.items import Item
from civicrec.metrics import quantile
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import open_registry
from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1_200)]

RECORDS, EVENTS_A_RECORD = 30_000, 10
RATE, SECONDS = 1_000, 30


@pytest.mark.parametrize("parallelism", [1, 2, 4])
def test_throughput_and_freshness(tmp_path: Path, capsys: pytest.CaptureFixture[str], parallelism: int) -> None:
    rng = random.Random(20_260_101)
    env = {"CIVICREC_FLINK__PARALLELISM": str(parallelism)}
    with on_flink(tmp_path, partitions=parallelism, env=env) as world:
        registry = open_registry(world.settings.registry_address)
        upsert_items(registry, [Item(item_id=f"item-{n}", item_type="news", title=f"新闻 {n}") for n in range(500)])
        registry.dispose()
        world.send(made_up_records(100, rng, utc_now()))  # the worker has begun, and the stores have been opened
        world.start()
        world.wait_counted(100 * EVENTS_A_RECORD)
        world.leave()
        stopped = world.civicrec("stream", "--runner", "flink", "--stop")
        assert stopped.returncode == 0, stopped.stderr
        world.send(made_up_records(RECORDS, rng, utc_now()), at_once=2_000)
        world.start()
        per_s, cpu = _drained(world, 100 * EVENTS_A_RECORD, RECORDS * EVENTS_A_RECORD)
        ages = _freshness(world, rng)
        p50, p95 = quantile(ages, 0.5), quantile(ages, 0.95)
        figures = f"{per_s:,.0f} events/s, freshness at {RATE} events/s p50 {p50:.2f} s p95 {p95:.2f} s, CPU {cpu}"
        with capsys.disabled():
            print(f"\nparallelism {parallelism}: {figures}")  # noqa: T201  # a figure
        assert world.stored()[0] == world.fences().stored
    assert per_s > 2_000
    assert p95 < 30


def _drained(world: OnFlink, before: int, n_events: int) -> tuple[float, dict[str, float]]:
    """Events a second from the first bundle of the backlog to the last, and CPU-seconds of each process meanwhile."""
    wait_for(lambda: world.fences().stored > before, 120, "the first bundle")
    began, first, cpu = monotonic_s(), world.fences().stored, world.cluster.cpu_s()
    wait_for(lambda: world.fences().stored == before + n_events, 300, "the backlog")
    took = monotonic_s() - began
    used = {name: round(s - cpu[name], 1) for name, s in world.cluster.cpu_s().items()}
    return (before + n_events - first) / took, used


def _freshness(world: OnFlink, rng: random.Random) -> list[float]:
    """Seconds from the append of each record to its place behind a fence."""
    sent: list[tuple[str, int, float]] = []
    ages: list[float] = []
    total, began = RATE * SECONDS // EVENTS_A_RECORD, monotonic_s()
    n_sent = 0
    with closing(KafkaWriter(world.settings.kafka, world.log.name)) as writer:
        while len(ages) < total:
            due = min(int((monotonic_s() - began) * RATE / EVENTS_A_RECORD), total) - n_sent
            if due > 0:
                records, at = made_up_records(due, rng, utc_now()), monotonic_s()
                world.send_with(writer, records)
                last = world.position.offset
                sent += [(record.key, last - due + n, at) for n, record in enumerate(records, 1)]
                n_sent += due
            fences, now = world.fences(), monotonic_s()
            ages += [now - at for key, offset, at in sent if fences.has(key, offset)]
            sent = [(key, offset, at) for key, offset, at in sent if not fences.has(key, offset)]
            assert now - began < SECONDS + 120, f"{len(sent)} records wait"
            time.sleep(0.02)
    return ages
