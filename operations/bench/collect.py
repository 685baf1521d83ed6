"""Durable requests a second of the collector, beside a bare FastAPI hello on the same server, in the same run.

In: how many seconds, and a broker if Kafka is to be behind. Out: figures. Each server is a process of its own, held to
one core; the load comes from another.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from civicrec.clients import http_client
from operations.bench.batches import EVENTS_PER_REQUEST, batch_request
from operations.harness.load import collector_on, held_to, measure, server_on
from operations.harness.stack import free_ports

CONNECTIONS = (1, 16, 64)


def bench_collect(seconds: float = 4.0, kafka: str = "") -> dict[str, Any]:
    """Measure the collector and the hello at 1, 16 and 64 connections, `seconds` each, turn by turn.

    Parameters
    ----------
    kafka
        ``host:port`` of a broker: collectors that forward to it are measured too, with topics that are removed again.

    Returns
    -------
    dict
        For each number of connections: requests a second, p50 and p99 in milliseconds, requests per CPU-second of
        the server process, of each server, and ``ratio``, collector over hello, of requests a second. With Kafka also
        the collector that acknowledges on disk and the one that acknowledges after Kafka, each with its ``ratio`` to
        the collector without. Then ``backlog``, the events not forwarded when the load ended.
    """
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as home, held_to(cores[-1]), ExitStack() as running:
        servers: dict[str, tuple[int, psutil.Process]] = {}

        def run_collector(name: str, env: Mapping[str, str]) -> None:
            servers[name] = running.enter_context(collector_on(Path(home) / name, cores[0], env))

        (hello,) = free_ports(1)
        words = ["-m", "operations.bench.hello", str(hello)]
        servers["hello"] = (hello, running.enter_context(server_on(words, hello, {}, cores[0])))
        run_collector("collector", {})
        if kafka:
            topics = running.enter_context(_topics(kafka))
            run_collector("kafka_disk", topics)
            run_collector("kafka_ack", topics | {"CIVICREC_COLLECTOR__ACK": "kafka"})
        by_connections: dict[str, Any] = {}
        for n in CONNECTIONS:
            figures: dict[str, Any] = {}
            for name, (port, server) in servers.items():
                request = (lambda: _HELLO) if name == "hello" else batch_request
                figures[name] = asyncio.run(measure(port, n, seconds, request, server)).figures()
                if name.startswith("kafka"):
                    figures[name]["backlog"] = _backlog(port)
                    figures[name]["ratio"] = _ratio(figures[name], figures["collector"])
            by_connections[str(n)] = {**figures, "ratio": _ratio(figures["collector"], figures["hello"])}
    return {"events_per_request": EVENTS_PER_REQUEST, "durable": True, "connections": by_connections}


def _ratio(mine: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    return round(mine["requests_per_s"] / baseline["requests_per_s"], 2)


def _backlog(port: int) -> int:
    with http_client() as client:
        return int(client.get(f"http://127.0.0.1:{port}/v1/accounting").json()["unforwarded"])


@contextmanager
def _topics(kafka: str) -> Iterator[dict[str, str]]:
    from kafka import KafkaAdminClient

    bench = f"bench-{uuid4().hex}"
    names = {what: f"{bench}.{what}" for what in ("events", "position", "dead")}
    yield {
        "CIVICREC_KAFKA__BOOTSTRAP": kafka,
        **{f"CIVICREC_KAFKA__{key.upper()}_TOPIC": name for key, name in names.items()},
    }
    client = KafkaAdminClient(bootstrap_servers=[kafka])
    client.delete_topics(list(names.values()))
    client.close()


_HELLO = b"GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n"
