"""Events per CPU-second of the stream with its real stores, beside a plain Python loop over the same functions.

In: how many events. Out: figures. The stream, the warehouse and Valkey run as processes; only the stream's CPU counts.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import psutil

from civicrec.accounting.books import read_books
from civicrec.clock import monotonic_s, utc_now
from civicrec.eventlog.ports import LogRecord, Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.process.gc_tuning import spare_what_lives_long
from civicrec.settings import StreamSettings
from operations.bench.freshness import ages_s, in_ms
from operations.bench.records import EVENTS_A_RECORD, N_ITEMS, a_record, made_up_records, put_items
from operations.harness.load import cpu_s
from operations.harness.stack import OwnStack, own_stack
from operations.harness.waiting import wait_for
from profiles.online.memory import MemoryOnlineStore
from streaming.blocks import Origin
from streaming.enrich import enrich
from streaming.fold import fold, other_actors, personal_actors
from streaming.parse import parse_block
from streaming.registry import RegistryFacts
from streaming.sources import blocks_of

EVENTS = 200_000
_WAIT_S = 300.0
#: Load and length of the freshness measurement.
_RATE, _SECONDS = 300, 20


def bench_stream(events: int = EVENTS) -> dict[str, Any]:
    """Measure throughput on a preloaded log of `events`, freshness at 300 events a second, and idle CPU."""
    rng = random.Random(20_260_101)
    records = made_up_records(events // EVENTS_A_RECORD, rng, utc_now())
    loop_s = plain_loop_s(records)
    with own_stack(only=("valkey", "warehouse", "stream")) as stack:
        put_items(stack.settings)
        with closing(SqliteEventLog(stack.settings.log_path)) as log:
            log.append(made_up_records(200, rng, utc_now()))
            stream = _wait_done(stack)
            stream_s, wall_s = _drain(stack, stream, log, records)
            ages = _freshness(stack, log, rng)
            _wait_done(stack)
            stream.cpu_percent(None)  # the first call only begins the measurement
            idle_percent = stream.cpu_percent(5)
        memory_mb = stream.memory_info().rss >> 20
        books = read_books(stack.settings)
    return {
        "events": events,
        "batch_events": StreamSettings().max_batch_events,
        "events_per_cpu_s": round(events / stream_s),
        "events_per_s": round(events / wall_s),
        "plain_loop_events_per_cpu_s": round(events / loop_s),
        "ratio_to_plain_loop": round(loop_s / stream_s, 3),
        "freshness_ms": in_ms(_RATE, ages),
        "idle_cpu_percent": idle_percent,
        "memory_mb": memory_mb,
        "balanced": books.balanced and books.pending == 0,
    }


def plain_loop_s(records: Sequence[Record]) -> float:
    """Return CPU-seconds of the same functions in a plain loop: no Beam, no store but recent items in memory.

    Python's cycle search is kept away as in the stream.
    """
    spare_what_lives_long()
    settings, online = StreamSettings(), MemoryOnlineStore()
    registry = RegistryFacts({f"item-{n}": "news" for n in range(N_ITEMS)})
    numbered = [LogRecord(offset, record) for offset, record in enumerate(records, 1)]
    a_batch = settings.max_batch_events // EVENTS_A_RECORD
    began = time.process_time()
    for first in range(0, len(numbered), a_batch):
        batch = numbered[first : first + a_batch]
        blocks = blocks_of(Origin("bench"), batch, settings.block_records)
        facts = [enrich(parse_block(block), registry) for block in blocks]
        interactions = [interaction for block in facts for interaction in block.interactions]
        fold(interactions, online.known_of(personal_actors(interactions), other_actors(interactions)).recent)
    return time.process_time() - began


def _drain(
    stack: OwnStack, stream: psutil.Process, log: SqliteEventLog, records: Sequence[Record]
) -> tuple[float, float]:
    """Return CPU-seconds and seconds the stream takes for records that are all there when it begins."""
    os.kill(stream.pid, signal.SIGSTOP)
    try:
        for first in range(0, len(records), 1_000):
            log.append(records[first : first + 1_000])
        before, began = cpu_s(stream), monotonic_s()
    finally:
        os.kill(stream.pid, signal.SIGCONT)
    _wait_done(stack)
    return cpu_s(stream) - before, monotonic_s() - began


def _freshness(stack: OwnStack, log: SqliteEventLog, rng: random.Random) -> list[float]:
    """Return, for each record sent at a steady rate, the seconds until every store had it."""

    def send(n: int) -> Iterator[tuple[float, int]]:
        for _ in range(n):
            offset = log.append([a_record(rng, utc_now())])
            yield monotonic_s(), offset

    with closing(sqlite3.connect(f"{stack.settings.stream_path.as_uri()}?mode=ro", uri=True)) as ledger:

        def look() -> Callable[[int], bool]:
            (done,) = ledger.execute("SELECT max(last) FROM batches WHERE done_at_ms IS NOT NULL").fetchone()
            return lambda offset: offset <= done

        return ages_s(_RATE * _SECONDS // EVENTS_A_RECORD, _RATE / EVENTS_A_RECORD, send, look)


def _wait_done(stack: OwnStack) -> psutil.Process:
    """Wait until nothing is pending; return the stream's process."""

    def is_done() -> bool:
        books = read_books(stack.settings)
        return books.stored > 0 and not books.pending

    wait_for(is_done, _WAIT_S, "the stream to leave nothing pending; see its log", pause_s=0.02)
    return psutil.Process(stack.pids()["stream"])
