"""Durable requests a second of the collector, beside a bare FastAPI hello on the same server, in the same run.

In: how many seconds. Out: figures. Each server is a process of its own, held to one core; the load comes from another.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from typing import Any
from uuid import uuid4

import msgspec

from civicrec.bench.load import held_to, measure, server_on
from civicrec.bench.own_stack import free_ports
from civicrec.clock import rfc3339, utc_now

CONNECTIONS = (1, 16, 64)
EVENTS_PER_REQUEST = 10


def bench_collect(seconds: float = 4.0) -> dict[str, Any]:
    """Measure the collector and the hello at 1, 16 and 64 connections, `seconds` each, turn by turn.

    Returns
    -------
    dict
        For each number of connections: requests a second, p50 and p99 in milliseconds, requests per CPU-second of
        the server process, of both servers, and ``ratio``, collector over hello, of requests a second.
    """
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as home, held_to(cores[-1]):
        ours, theirs = free_ports(2)
        env = {"CIVICREC_HOME": home, "CIVICREC_COLLECTOR__PORT": str(ours)}
        with (
            server_on(["-m", "civicrec", "collect"], ours, env, cores[0]) as collector,
            server_on(["-m", "civicrec.bench.hello", str(theirs)], theirs, {}, cores[0]) as hello,
        ):
            by_connections: dict[str, Any] = {}
            for n in CONNECTIONS:
                load = asyncio.run(measure(ours, n, seconds, _batch_request, collector))
                bare = asyncio.run(measure(theirs, n, seconds, lambda: _HELLO, hello))
                mine, baseline = load.figures(), bare.figures()
                ratio = round(mine["requests_per_s"] / baseline["requests_per_s"], 2)
                by_connections[str(n)] = {"collector": mine, "hello": baseline, "ratio": ratio}
    return {"events_per_request": EVENTS_PER_REQUEST, "durable": True, "connections": by_connections}


_HELLO = b"GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n"


def _batch_request() -> bytes:
    """One request of ten events with new ids, as the tracker sends them (about 4 kB)."""
    now, visitor = rfc3339(utc_now()), str(uuid4())
    events = [
        {
            "event_id": str(uuid4()), "kind": "impression" if n else "click", "occurred_at": now, "site": "bench",
            "channel": "web", "anonymous_id": visitor, "session_id": visitor, "item_id": f"policy-{n}",
            "item_type": "policy", "scene": "home", "slot": "main", "position": n, "request_id": visitor,
            "url_path": "/zwgk/index.html", "consent": "personalise",
        }
        for n in range(EVENTS_PER_REQUEST)
    ]  # fmt: skip
    body = msgspec.json.encode({"sent_at": now, "events": events})
    return b"POST /v1/events HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
