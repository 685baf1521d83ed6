"""Events per CPU-second of the stream with its real stores, beside a plain Python loop over the same functions.

In: how many events. Out: figures. The stream, the warehouse and Valkey run as processes; only the stream's CPU counts.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psutil

from civicrec.bench.load import cpu_s
from civicrec.bench.own_stack import OwnStack, own_stack
from civicrec.clock import monotonic_s, utc_now
from civicrec.errors import Unavailable
from civicrec.eventlog.books import read_books
from civicrec.eventlog.ports import LogRecord, Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, dump
from civicrec.garbage import spare_what_lives_long
from civicrec.items import Item
from civicrec.metrics import quantile
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import open_registry
from civicrec.settings import StreamSettings
from profiles.memory_store import MemoryOnlineStore
from streaming.blocks import Origin
from streaming.enrich import enrich
from streaming.fold import fold, personal_actors
from streaming.parse import parse_block
from streaming.sources import blocks_of

_N_ITEMS = 500
_EVENTS_A_RECORD = 10
_KINDS = ("page_view", "impression", "impression", "impression", "impression", "click", "read", "read")
_WAIT_S = 300.0
#: Load and length of the freshness measurement.
_RATE, _SECONDS = 300, 20


def bench_stream(events: int = 200_000) -> dict[str, Any]:
    """Measure throughput on a preloaded log of `events`, freshness at 300 events a second, and idle CPU."""
    rng = random.Random(20_260_101)
    records = made_up_records(events // _EVENTS_A_RECORD, rng, utc_now())
    loop_s = _plain_loop_s(records)
    with own_stack(only=("valkey", "warehouse", "stream")) as stack:
        registry = open_registry(stack.settings.registry_address)
        upsert_items(
            registry, [Item(item_id=f"item-{n}", item_type="news", title=f"新闻 {n}") for n in range(_N_ITEMS)]
        )
        registry.dispose()
        with closing(SqliteEventLog(stack.settings.log_path)) as log:
            log.append(made_up_records(200, rng, utc_now()))
            stream = _wait_done(stack)
            stream_s, wall_s = _drain(stack, stream, log, records)
            ages_ms = _freshness(stack, log, rng)
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
        "freshness_ms": {"rate": _RATE, "p50": round(quantile(ages_ms, 0.5)), "p95": round(quantile(ages_ms, 0.95))},
        "idle_cpu_percent": idle_percent,
        "memory_mb": memory_mb,
        "balanced": books.balanced and books.pending == 0,
    }


def made_up_records(n: int, rng: random.Random, now: datetime) -> list[Record]:
    """Return records of ten events of one visitor each, the items by Zipf's law, as the tracker would send them."""
    return [_record(rng, now - timedelta(seconds=rng.uniform(0, 6 * 3_600))) for _ in range(n)]


def _record(rng: random.Random, at: datetime) -> Record:
    actor = f"visitor-{rng.randrange(20_000)}"
    events = []
    for n in range(_EVENTS_A_RECORD):
        kind = rng.choice(_KINDS)
        events.append(
            Event(
                event_id=UUID(int=rng.getrandbits(128)), kind=kind,  # type: ignore[arg-type]  # chosen from `_KINDS`
                occurred_at=at + timedelta(seconds=n), received_at=at + timedelta(seconds=12), site="bench",
                anonymous_id=actor, session_id=f"s-{actor}", item_id=f"item-{int(rng.paretovariate(0.7)) % _N_ITEMS}",
                request_id=f"r-{rng.randrange(10**6)}", scene="home", slot="main", position=n, title="就业补贴通知",
                url_path="/policies/12345", referrer_type="internal", device="mobile", consent="personalise",
                active_ms=5_000 if kind == "read" else None,
            )
        )  # fmt: skip
    return Record(actor, len(events), dump(events))


def _plain_loop_s(records: Sequence[Record]) -> float:
    """Return CPU-seconds of the same functions in a plain loop: no Beam, no store but recent items in memory.

    Python's cycle search is kept away as in the stream.
    """
    spare_what_lives_long()
    settings, online = StreamSettings(), MemoryOnlineStore()
    types = {f"item-{n}": "news" for n in range(_N_ITEMS)}
    numbered = [LogRecord(offset, record) for offset, record in enumerate(records, 1)]
    a_batch = settings.max_batch_events // _EVENTS_A_RECORD
    began = time.process_time()
    for first in range(0, len(numbered), a_batch):
        batch = numbered[first : first + a_batch]
        blocks = blocks_of(Origin("bench"), batch, settings.block_records)
        facts = [enrich(parse_block(block), types) for block in blocks]
        turns = [turn for block in facts for turn in block.turns]
        fold(turns, online.recent_of(personal_actors(turns)))
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
    """Return, for each record sent at a steady rate, the milliseconds until every store had it."""
    sent: list[tuple[int, float]] = []
    ages: list[float] = []
    pause_s = _EVENTS_A_RECORD / _RATE
    began = monotonic_s()
    with closing(sqlite3.connect(f"{stack.settings.stream_path.as_uri()}?mode=ro", uri=True)) as ledger:
        while len(ages) < _RATE * _SECONDS // _EVENTS_A_RECORD:
            n_due = int((monotonic_s() - began) / pause_s) - len(ages) - len(sent)
            for _ in range(min(n_due, _RATE * _SECONDS // _EVENTS_A_RECORD - len(ages) - len(sent))):
                offset = log.append([_record(rng, utc_now())])
                sent.append((offset, monotonic_s()))
            (done,) = ledger.execute("SELECT max(last) FROM batches WHERE done_at_ms IS NOT NULL").fetchone()
            now = monotonic_s()
            ages += [(now - at) * 1000 for offset, at in sent if offset <= done]
            sent = [(offset, at) for offset, at in sent if offset > done]
            time.sleep(0.005)
    return ages


def _wait_done(stack: OwnStack) -> psutil.Process:
    """Wait until nothing is pending; return the stream's process."""
    deadline = monotonic_s() + _WAIT_S
    while (books := read_books(stack.settings)).pending or not books.stored:
        if monotonic_s() > deadline:
            raise Unavailable(f"the stream left {books.pending} events pending for {_WAIT_S:.0f} s; see its log")
        time.sleep(0.02)
    return psutil.Process(stack.pids()["stream"])
