"""What the collector's log does to the collector: the time to start after a crash, and memory under unbroken load.

In: how many records wait, or how many minutes. Out: figures, each of a collector that is a process of its own.
"""

from __future__ import annotations

import asyncio
import os
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

from civicrec.accounting.ledger import Ledger
from civicrec.accounting.proofs import Held, Proofs
from civicrec.clock import monotonic_s
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.settings import Settings
from operations.bench.batches import EVENTS_PER_REQUEST, batch_request, ten_events
from operations.harness.load import Load, collector_on, cpu_s, held_to, measure, rss_mb

PENDING_RECORDS = 100_000
_CONNECTIONS = 64
#: Length of one reading of a soak, seconds.
_SLICE_S = 10.0
#: So small that records are trimmed all the time.
_SOAK_LOG_MB = 256
#: Nothing here is counted by month.
_MONTH = "202601"


def recovery(pending_records: int = PENDING_RECORDS) -> dict[str, Any]:
    """Measure how long the collector takes from its start until it answers, after a crash with a log full of events.

    Once it starts with ids that are nowhere but in the log, and once again as any crash leaves it.
    """
    figures: dict[str, Any] = {"pending_events": pending_records * EVENTS_PER_REQUEST}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        leave_pending(home, pending_records)
        for which in ("first", "again"):
            began = monotonic_s()
            with collector_on(home) as (_, collector):
                figures[which] = {"ready_s": round(monotonic_s() - began, 2), "cpu_s": round(cpu_s(collector), 2)}
                collector.send_signal(signal.SIGKILL)
    return figures


def leave_pending(home: Path, n_records: int) -> None:
    """Fill a log with records of ten events, no two with one id, as a crash leaves it: the WAL is not folded in."""
    code = "import sys, operations.bench.log_limits as c; c.fill_and_die(sys.argv[1], int(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", code, str(home), str(n_records)], check=False)


def fill_and_die(home: str, n_records: int) -> None:
    """Do the work of `leave_pending` in a process of its own, which ends without closing the log."""
    log = SqliteEventLog(Settings(home=Path(home)).log_path)
    while (left := n_records - log.head()) > 0:
        values = [msgspec.json.encode(ten_events()) for _ in range(min(left, 500))]
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
        port, collector = stack.enter_context(collector_on(home, cores[0], words))
        stack.enter_context(_acknowledging(home))
        until = monotonic_s() + 60 * minutes
        while (left := until - monotonic_s()) > 0:
            load = asyncio.run(measure(port, _CONNECTIONS, min(left, _SLICE_S, 6 * minutes), batch_request, collector))
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
def _acknowledging(home: Path) -> Iterator[None]:
    """Commit all that comes and have it as proved, once a second, as a stream that keeps up does."""
    settings, done = Settings(home=home), Event()

    def acknowledge() -> None:
        with (
            closing(SqliteEventLog(settings.log_path, readonly=True)) as log,
            closing(Ledger(settings.stream_path)) as ledger,
        ):
            proofs = Proofs(ledger)
            while not done.wait(1.0):
                head, n = log.head(), log.count_events(ledger.committed())
                if head > ledger.committed():
                    ledger.commit(ledger.plan(head), stored=n, rejected={})
                    proofs.add(head, Held({_MONTH: n}))

    reader = Thread(target=acknowledge, name="acknowledging")
    reader.start()
    try:
        yield
    finally:
        done.set()
        reader.join()
