"""Load on a server of our own: the server held to one core, the load on another, both counted.

In: a command and a request. Out: a `Load` with its figures.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from civicrec.clients import http_client
from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable
from civicrec.metrics import quantile
from operations.harness.stack import free_ports
from operations.harness.waiting import wait_for

_START_S = 60.0
_WARM_S = 0.5


@dataclass(slots=True)
class Load:
    """What one run of the load measured."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    def figures(self) -> dict[str, float]:
        """Return requests a second, p50, p99, and the CPU of the server: requests a second of it, its ms a request."""
        n = len(self.latencies_ms)
        return {
            "requests_per_s": round(n / self.seconds, 1),
            "p50_ms": round(quantile(self.latencies_ms, 0.5), 2),
            "p99_ms": round(quantile(self.latencies_ms, 0.99), 2),
            "requests_per_cpu_s": round(n / self.cpu_s, 1) if self.cpu_s else 0.0,
            "cpu_ms": round(1000 * self.cpu_s / n, 3),
        }


async def measure(
    port: int, n_connections: int, seconds: float, request: Callable[[], bytes], server: psutil.Process
) -> Load:
    """Send requests over so many connections for so long, each waiting for its answer; a short warm-up goes first."""
    load = Load()
    await asyncio.gather(*(_connection(port, monotonic_s() + _WARM_S, request, []) for _ in range(n_connections)))
    cpu_before, began = cpu_s(server), monotonic_s()
    await asyncio.gather(
        *(_connection(port, began + seconds, request, load.latencies_ms) for _ in range(n_connections))
    )
    load.seconds, load.cpu_s = monotonic_s() - began, cpu_s(server) - cpu_before
    return load


async def _connection(port: int, until: float, request: Callable[[], bytes], latencies_ms: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := monotonic_s()) < until:
        writer.write(request())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise Unavailable(f"the server answered {head.splitlines()[0].decode()}; expected 200")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
        latencies_ms.append((monotonic_s() - began) * 1000)
    writer.close()
    await writer.wait_closed()


@contextmanager
def server_on(
    words: Sequence[str], port: int, env: Mapping[str, str], core: int | None = None
) -> Iterator[psutil.Process]:
    """Run a Python program that listens on a port, held to one core if one is given, for the length of the body."""
    child = subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **env},  # noqa: TID251  # the child inherits PATH and the like
        stderr=subprocess.DEVNULL,
    )
    if core is not None:
        os.sched_setaffinity(child.pid, {core})
    try:
        with http_client() as client:

            def answers() -> bool:
                if child.poll() is not None:
                    raise Unavailable(f"{' '.join(words)} did not start on port {port}; run it to see why")
                with suppress(httpx.TransportError):
                    client.get(f"http://127.0.0.1:{port}/")
                    return True
                return False

            wait_for(answers, _START_S, f"{' '.join(words)} to answer on port {port}; run it to see why")
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(timeout=30)


@contextmanager
def collector_on(
    home: Path, core: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[tuple[int, psutil.Process]]:
    """Run a collector on a free port and a home, held to one core if one is given; yield its port and process."""
    (port,) = free_ports(1)
    words = {"CIVICREC_HOME": str(home), "CIVICREC_COLLECTOR__PORT": str(port), "CIVICREC_MIN_FREE_DISK_MB": "0"}
    with server_on(["-m", "civicrec", "collect"], port, {**words, **(env or {})}, core) as process:
        yield port, process


@contextmanager
def held_to(core: int) -> Iterator[None]:
    """Hold this process to one core for the length of the body."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return the process and those it started."""
    return [process, *process.children(recursive=True)]


def cpu_s(process: psutil.Process) -> float:
    """Return the CPU-seconds of the process and those it started."""
    return sum(float(times.user + times.system) for times in (each.cpu_times() for each in family(process)))


def rss_mb(process: psutil.Process) -> float:
    """Return the resident memory of the process and those it started; pages they share count once each."""
    return float(sum(each.memory_info().rss for each in family(process))) / 2**20
