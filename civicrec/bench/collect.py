"""Durable requests a second of the collector, beside a bare FastAPI hello on the same server, in the same run.

In: how many seconds. Out: figures. Each server is a process of its own, held to one core; the load comes from another.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import msgspec
import psutil

from civicrec.bench.load import Load, cpu_s, held_to, measure, rss_mb, server_on
from civicrec.bench.own_stack import free_ports
from civicrec.clock import from_ms, monotonic_s, rfc3339, to_ms, utc_now
from civicrec.eventlog.ledger import Ledger
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.settings import Settings

CONNECTIONS = (1, 16, 64)
EVENTS_PER_REQUEST = 10
PENDING_RECORDS = 100_000
#: Length of one reading of a soak, seconds.
_SLICE_S = 10.0
#: So small that records are trimmed all the time.
_SOAK_LOG_MB = 256


def bench_collect(seconds: float = 4.0, pending_records: int = PENDING_RECORDS, soak_min: float = 0) -> dict[str, Any]:
    """Measure the collector and the hello at 1, 16 and 64 connections, `seconds` each, turn by turn.

    Parameters
    ----------
    seconds
        Length of each measurement.
    pending_records
        Records of ten events that wait in the log when the time to start after a crash is measured.
    soak_min
        Minutes of unbroken load at 64 connections that follow, none by default.

    Returns
    -------
    dict
        For each number of connections: requests a second, p50 and p99 in milliseconds, requests per CPU-second of
        the server process, of both servers, and ``ratio``, collector over hello, of requests a second; then
        ``recovery`` and, if asked for, ``soak``.
    """
    cores = sorted(os.sched_getaffinity(0))
    by_connections: dict[str, Any] = {}
    with held_to(cores[-1]), ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours, collector = stack.enter_context(_collector(home, cores[0]))
        (theirs,) = free_ports(1)
        words = ["-m", "civicrec.bench.hello", str(theirs)]
        hello = stack.enter_context(server_on(words, theirs, {}, cores[0]))
        for n in CONNECTIONS:
            load = asyncio.run(measure(ours, n, seconds, _batch_request, collector))
            bare = asyncio.run(measure(theirs, n, seconds, lambda: _HELLO, hello))
            mine, baseline = load.figures(), bare.figures()
            ratio = round(mine["requests_per_s"] / baseline["requests_per_s"], 2)
            by_connections[str(n)] = {"collector": mine, "hello": baseline, "ratio": ratio}
    figures = {"events_per_request": EVENTS_PER_REQUEST, "durable": True, "connections": by_connections}
    figures["recovery"] = recovery(pending_records)
    if soak_min:
        figures["soak"] = soak(soak_min)
    return figures


def recovery(pending_records: int) -> dict[str, Any]:
    """Measure how long the collector takes from its start until it answers, after a crash with a log full of events.

    Once it starts with ids that are nowhere but in the log, and once again as any crash leaves it.
    """
    figures: dict[str, Any] = {"pending_events": pending_records * EVENTS_PER_REQUEST}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        leave_pending(home, pending_records)
        for which in ("first", "again"):
            began = monotonic_s()
            with _collector(home) as (_, collector):
                figures[which] = {"ready_s": round(monotonic_s() - began, 2), "cpu_s": round(cpu_s(collector), 2)}
                collector.send_signal(signal.SIGKILL)
    return figures


def leave_pending(home: Path, n_records: int) -> None:
    """Fill a log with records of ten events, no two with one id, as a crash leaves it: the WAL is not folded in."""
    code = "import sys, civicrec.bench.collect as c; c.fill_and_die(sys.argv[1], int(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", code, str(home), str(n_records)], check=False)


def fill_and_die(home: str, n_records: int) -> None:
    """Do the work of `leave_pending` in a process of its own, which ends without closing the log."""
    log = SqliteEventLog(Settings(home=Path(home)).log_path)
    while (left := n_records - log.head()) > 0:
        values = [msgspec.json.encode(_events()) for _ in range(min(left, 500))]
        log.append([Record("bench", EVENTS_PER_REQUEST, value) for value in values])
    os.kill(os.getpid(), signal.SIGKILL)


def soak(minutes: float, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Measure whether memory stays flat under unbroken load, records trimmed behind a reader that keeps up.

    Returns
    -------
    dict
        Requests a second and p99 over all, and MB of resident memory: at the end of the first fifth, by when the ids
        in memory are as many as they get, and the least and most after it.
    """
    cores = sorted(os.sched_getaffinity(0))
    total, memory = Load(), []
    with held_to(cores[-1]), tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        words = {"CIVICREC_COLLECTOR__LOG_MAX_MB": str(_SOAK_LOG_MB), **(env or {})}
        port, collector = stack.enter_context(_collector(home, cores[0], words))
        stack.enter_context(_acknowledging(home))
        until = monotonic_s() + 60 * minutes
        while (left := until - monotonic_s()) > 0:
            load = asyncio.run(
                measure(port, CONNECTIONS[-1], min(left, _SLICE_S, 6 * minutes), _batch_request, collector)
            )
            total.seconds += load.seconds
            total.cpu_s += load.cpu_s
            total.latencies_ms += load.latencies_ms
            memory.append(rss_mb(collector))
        file_mb = Settings(home=home).log_path.stat().st_size / 2**20
    after = memory[len(memory) // 5 :]
    return {
        "minutes": minutes, **total.figures(), "log_file_mb": round(file_mb), "rss_mb": round(after[0], 1),
        "rss_mb_least": round(min(after), 1), "rss_mb_most": round(max(after), 1),
    }  # fmt: skip


@contextmanager
def _collector(
    home: Path, core: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[tuple[int, psutil.Process]]:
    (port,) = free_ports(1)
    words = {"CIVICREC_HOME": str(home), "CIVICREC_COLLECTOR__PORT": str(port), "CIVICREC_MIN_FREE_DISK_MB": "0"}
    with server_on(["-m", "civicrec", "collect"], port, {**words, **(env or {})}, core) as process:
        yield port, process


@contextmanager
def _acknowledging(home: Path) -> Iterator[None]:
    """Commit all that comes to the stream's ledger, once a second, as a stream that keeps up does."""
    settings, done = Settings(home=home), Event()

    def acknowledge() -> None:
        with (
            closing(SqliteEventLog(settings.log_path, readonly=True)) as log,
            closing(Ledger(settings.stream_path)) as ledger,
        ):
            while not done.wait(1.0):
                head, n = log.head(), log.count_events(ledger.committed())
                if head > ledger.committed():
                    ledger.commit(ledger.plan(head), stored=n, rejected={})

    reader = Thread(target=acknowledge, name="acknowledging")
    reader.start()
    try:
        yield
    finally:
        done.set()
        reader.join()


_HELLO = b"GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n"


def _batch_request() -> bytes:
    """One request of ten events with new ids, as the tracker sends them (about 4 kB)."""
    body = msgspec.json.encode({"sent_at": rfc3339(utc_now()), "events": _events()})
    return b"POST /v1/events HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _events() -> list[dict[str, Any]]:
    at_ms, visitor = to_ms(utc_now()), f"visitor-{secrets.token_hex(16)}"
    now = rfc3339(from_ms(at_ms))
    return [
        {
            "event_id": _uuid7(at_ms), "kind": "impression" if n else "click", "occurred_at": now, "site": "bench",
            "channel": "web", "anonymous_id": visitor, "session_id": visitor, "item_id": f"policy-{n}",
            "item_type": "policy", "scene": "home", "slot": "main", "position": n, "request_id": visitor,
            "url_path": "/zwgk/index.html", "consent": "personalise",
        }
        for n in range(EVENTS_PER_REQUEST)
    ]  # fmt: skip


def _uuid7(at_ms: int) -> str:
    rest = secrets.token_hex(10)
    return f"{at_ms >> 16:08x}-{at_ms & 0xFFFF:04x}-7{rest[:3]}-8{rest[3:6]}-{rest[6:18]}"
