"""Events a second of the stream as a Flink job, what each costs, how fresh they are, and how soon it is back if killed.

In: a folder of jars and how many events. Out: figures. Broker, cluster, Python workers, warehouse gateway, Valkey and
the load are processes of our own and share the machine. The baseline is a plain Python loop over the same functions.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from civicrec.accounting.books import read_books
from civicrec.clock import monotonic_s, utc_now
from civicrec.eventlog.ports import Record
from civicrec.kafka.writer import KafkaWriter
from operations.bench.flink_recovery import SteadyLoad, killed
from operations.bench.freshness import ages_s, in_ms
from operations.bench.records import EVENTS_A_RECORD, a_record, made_up_records, put_items
from operations.bench.stream import plain_loop_s
from operations.harness.stream_on_flink import OnFlink, check_services, on_flink
from operations.harness.waiting import wait_for

PARALLELISM = (1, 2, 4)
EVENTS = 300_000
#: Load and length of the freshness measurement: events a second, seconds.
RATE, SECONDS = 1_000, 30
#: Load while the cluster is killed, events a second.
_KILL_RATE = 150
#: Records that have been through before the backlog comes: the stores have been opened, the JVM is warm.
_WARM = 100
_BACKLOG_S = 600.0
#: Between two looks at the progress, each a question to the online store.
_LOOK_S = 0.02
#: Where an event's own work is done; the others carry and keep it.
_WORK = ("taskmanager", "workers")


def bench_stream_on_flink(
    services: Path, parallelism: Sequence[int] = PARALLELISM, events: int = EVENTS, recovery: bool = True
) -> dict[str, Any]:
    """Measure a preloaded topic of `events` and freshness at 1 000 events a second, at each parallelism.

    Parameters
    ----------
    services
        Folder that holds the jars, in its sub-folders ``kafka`` and ``flink``.
    parallelism
        Parts of the job, and partitions of the topic.
    recovery
        Whether to kill everything at the end, at the first parallelism.

    Returns
    -------
    dict
        For each parallelism ``events_per_s`` from the first bundle of the backlog to its last,
        ``cpu_s_per_million_events`` of each process, ``ratio_to_plain_loop`` (events per CPU-second of TaskManager and
        workers, over those of the loop), ``freshness_ms``, ``sent`` and ``stored`` events and whether the books are
        ``balanced``; at the first also ``recovery``: seconds from a ``kill -9`` of everything until events are stored
        again, and what then became of all events sent.

    Raises
    ------
    ConfigError
        If java or the jars are not there.
    Unavailable
        If a process does not become ready, or events are not stored in time.
    """
    check_services(services)
    rng = random.Random(20_260_101)
    records = made_up_records(events // EVENTS_A_RECORD, rng, utc_now())
    loop = 1e6 * plain_loop_s(records) / (len(records) * EVENTS_A_RECORD)
    by_parallelism = {
        str(n): _measured(services, n, records, rng, loop, recovery and n == parallelism[0]) for n in parallelism
    }
    return {
        "events": len(records) * EVENTS_A_RECORD,
        "events_a_record": EVENTS_A_RECORD,
        "plain_loop_cpu_s_per_million_events": round(loop, 2),
        "parallelism": by_parallelism,
    }


def _measured(
    services: Path, parallelism: int, records: Sequence[Record], rng: random.Random, loop: float, recovery: bool
) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="civicrec-") as folder,
        on_flink(Path(folder), services, partitions=parallelism, parallelism=parallelism) as world,
    ):
        put_items(world.settings)
        per_s, cpu = _drain(world, records, rng)
        ages = _freshness(world, rng)
        figures = {
            "events_per_s": round(per_s),
            "cpu_s_per_million_events": {name: round(s, 2) for name, s in sorted(cpu.items())},
            "ratio_to_plain_loop": round(loop / sum(cpu[name] for name in _WORK), 3),
            "freshness_ms": in_ms(RATE, ages),
            **_kept(world),
        }
        if recovery:
            figures["recovery"] = _recovery(world, rng)
    return figures


def _drain(world: OnFlink, records: Sequence[Record], rng: random.Random) -> tuple[float, dict[str, float]]:
    """Return events a second from the first bundle of a backlog to its last, and CPU-seconds per million meanwhile."""
    warm = _WARM * EVENTS_A_RECORD
    world.send(made_up_records(_WARM, rng, utc_now()))
    world.start()
    world.wait_counted(warm)
    world.leave()
    world.stack.run("stream", "--runner", "flink", "--stop")
    world.send(records, at_once=2_000)
    world.start()
    first = wait_for(lambda: (n := world.progress().stored) > warm and n, 120, "the first bundle of the backlog")
    began, cpu = monotonic_s(), world.cpu_s()
    world.wait_counted(warm + sum(record.n_events for record in records), _BACKLOG_S)
    took, used = monotonic_s() - began, world.cpu_s()
    n = world.progress().stored - first
    return n / took, {name: 1e6 * (s - cpu[name]) / n for name, s in used.items()}


def _freshness(world: OnFlink, rng: random.Random) -> list[float]:
    """Return, for each record sent at a steady rate, the seconds from its append until it is committed."""
    with closing(KafkaWriter(world.settings.kafka, world.log.name)) as writer:

        def send(n: int) -> Iterator[tuple[float, tuple[str, int]]]:
            records, at = made_up_records(n, rng, utc_now()), monotonic_s()
            world.send_with(writer, records)
            first = world.position.offset - n + 1
            return ((at, (record.key, offset)) for offset, record in enumerate(records, first))

        def look() -> Callable[[tuple[str, int]], bool]:
            progress = world.progress()
            return lambda record: progress.has(*record)

        return ages_s(RATE * SECONDS // EVENTS_A_RECORD, RATE / EVENTS_A_RECORD, send, look, _LOOK_S)


def _recovery(world: OnFlink, rng: random.Random) -> dict[str, Any]:
    """Kill everything under load; return how soon events are stored again, and whether all are, once."""
    load = SteadyLoad(world, (a_record(rng, utc_now()) for _ in count()), _KILL_RATE)
    with load.running():
        stored = world.progress().stored
        wait_for(lambda: world.progress().stored > stored and world.cluster.complete_checkpoints(), 90, "the load")
        seconds = killed(world)
    return {"rate": _KILL_RATE, "stored_again_s": round(seconds, 1), **_kept(world)}


def _kept(world: OnFlink) -> dict[str, Any]:
    """Wait until all that was sent is counted; return what became of it."""
    n_sent = world.position.events
    world.wait_counted(n_sent, _BACKLOG_S)
    stored, different = world.stored()
    books = read_books(world.settings)
    return {
        "sent": n_sent,
        "stored": stored,
        "doubled": stored - different,
        "balanced": books.balanced and not books.pending and books.stored == stored,
    }
