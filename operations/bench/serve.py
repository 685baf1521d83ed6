"""Lists a second and their latency, beside FastAPI with one pipelined Redis read; and how soon a click changes a list.

In: how many items and seconds. Out: figures. The servers are processes of their own, held to one core.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from random import Random
from typing import Any
from uuid import uuid4

import psutil

from civicrec.clients import http_client
from civicrec.clock import monotonic_s, rfc3339, utc_now
from civicrec.errors import Unavailable
from civicrec.metrics import quantile
from civicrec.settings import Settings
from operations.bench.acts import bench_acts
from operations.bench.made_up_catalogue import N_ACTORS, fill
from operations.bench.one_list import bench_one_list
from operations.harness.load import held_to, measure, rss_mb, server_on
from operations.harness.stack import OwnStack, free_ports, own_stack
from operations.harness.waiting import wait_for

CONNECTIONS = (1, 8, 16, 64)
_WAIT_S = 60.0


def bench_serve(n_items: int = 100_000, seconds: float = 4.0) -> dict[str, Any]:
    """Measure lists of ten for known visitors.

    Returns
    -------
    dict
        ``one_core``: one process on one core beside the baseline on the same, at 1, 8, 16 and 64 connections,
        turn by turn: requests a second, p50, p99 and CPU in milliseconds of both, and ``ratio``, lists over bare
        reads a second. ``others``: what is not a personal list of the front page, at 16 connections beside both.
        ``one_list``: the CPU of a list by itself, of which the server's is the sum with HTTP and store.
        ``as_deployed``: as many processes as the settings say, free to use every core, at 8 connections; the load
        generator shares the machine. ``acts``: how soon decisions act in all of them, as `acts.bench_acts` tells it.
    """
    cores = sorted(os.sched_getaffinity(0))
    with own_stack(only=("valkey",)) as stack:
        fill(stack.settings, n_items)
        alone = bench_one_list(stack.settings)
        ours = stack.settings.serving.port
        one_core = _against_reads(stack, cores, seconds)
        with server_on(["-m", "civicrec", "serve"], ours, stack.env) as serving:
            _check(f"http://127.0.0.1:{ours}")
            deployed = asyncio.run(measure(ours, 8, seconds, _request("/v1/recommendations?n=10&"), serving))
            acts = bench_acts(stack.settings)
    workers = stack.settings.serving.workers
    return {
        "items": n_items,
        "one_list": alone,
        "one_core": one_core,
        "as_deployed": {"processes": workers, "8": deployed.figures()},
        "acts": acts,
    }


def _against_reads(stack: OwnStack, cores: Sequence[int], seconds: float) -> dict[str, Any]:
    ours, (theirs,) = stack.settings.serving.port, free_ports(1)
    bare = ["-m", "operations.bench.redis_read", str(theirs)]
    alone = {**stack.env, "CIVICREC_SERVING__WORKERS": "1"}
    by_connections: dict[str, Any] = {}
    with (
        held_to(cores[-1]),
        server_on(["-m", "civicrec", "serve"], ours, alone, cores[0]) as serving,
        server_on(bare, theirs, stack.env, cores[0]) as reading,
    ):
        _check(f"http://127.0.0.1:{ours}")
        for n in CONNECTIONS:
            lists = asyncio.run(measure(ours, n, seconds, _request("/v1/recommendations?n=10&"), serving))
            reads = asyncio.run(measure(theirs, n, seconds, _request("/read?"), reading))
            mine, baseline = lists.figures(), reads.figures()
            ratio = round(mine["requests_per_s"] / baseline["requests_per_s"], 2)
            by_connections[str(n)] = {"lists": mine, "reads": baseline, "ratio": ratio}
        others = {name: _other(request, ours, seconds, serving, by_connections["16"]) for name, request in _OTHERS}
        return {"serving_rss_mb": round(rss_mb(serving)), **by_connections, "others": others}


def _other(
    request: Callable[[], bytes], port: int, seconds: float, serving: psutil.Process, beside: dict[str, Any]
) -> dict[str, float]:
    """Measure another request at 16 connections: its ratio to bare reads, and how many lists' CPU one costs."""
    figures = asyncio.run(measure(port, 16, seconds, request, serving)).figures()
    ratio = round(figures["requests_per_s"] / beside["reads"]["requests_per_s"], 2)
    return {**figures, "ratio": ratio, "cpu_of_lists": round(figures["cpu_ms"] / beside["lists"]["cpu_ms"], 2)}


def bench_click_to_list(settings: Settings, clicks: int = 20) -> dict[str, float]:
    """Measure from just before a click is posted to the first list without its item, for a new visitor each time.

    Parameters
    ----------
    settings
        Of a running stack with a catalogue.

    Returns
    -------
    dict
        ``p50_s``, ``p95_s`` and ``max_s``; the list is asked for every 10 ms.
    """
    lists_url = f"http://127.0.0.1:{settings.serving.port}/v1/recommendations"
    events_url = f"http://127.0.0.1:{settings.collector.port}/v1/events"
    seconds: list[float] = []
    with http_client(timeout=30) as client:
        for _ in range(clicks):
            actor = f"bench-{uuid4().hex}"

            def ids(actor: str = actor) -> list[str]:
                body = client.get(lists_url, params={"n": 10, "anonymous_id": actor}).raise_for_status().json()
                return [item["item_id"] for item in body["items"]]

            before, now = ids(), rfc3339(utc_now())
            event = {
                "event_id": str(uuid4()), "kind": "click", "occurred_at": now, "site": "demo", "anonymous_id": actor,
                "item_id": before[0], "consent": "personalise",
            }  # fmt: skip
            began = monotonic_s()
            client.post(events_url, json={"sent_at": now, "events": [event]}).raise_for_status()
            while before[0] in ids():
                if monotonic_s() - began > _WAIT_S:
                    raise Unavailable(f"a click did not change a list within {_WAIT_S:.0f} s; is the stream up?")
                time.sleep(0.01)
            seconds.append(monotonic_s() - began)
    return {
        "clicks": clicks,
        "p50_s": round(quantile(seconds, 0.5), 3),
        "p95_s": round(quantile(seconds, 0.95), 3),
        "max_s": round(max(seconds), 3),
    }


def _request(path: str) -> Callable[[], bytes]:
    actors = cycle(range(N_ACTORS))
    return lambda: b"GET %sanonymous_id=bench-%d HTTP/1.1\r\nHost: bench\r\n\r\n" % (path.encode(), next(actors))


def _blocks(*scenes: str) -> Callable[[], bytes]:
    """Return requests for lists of these scenes in one call."""
    actors = cycle(range(N_ACTORS))

    def request() -> bytes:
        blocks = [{"scene": scene, "n": 10} for scene in scenes]
        body = json.dumps({"anonymous_id": f"bench-{next(actors)}", "blocks": blocks}).encode()
        head = b"POST /v1/recommendations HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body

    return request


def _related(items: Iterator[int]) -> Callable[[], bytes]:
    return lambda: b"GET /v1/items/item-%d/related HTTP/1.1\r\nHost: bench\r\n\r\n" % next(items)


def _as_read() -> list[int]:
    """Return numbers of items as pages are read: the tenth most read a tenth as often as the first (Zipf)."""
    weights = [1 / rank for rank in range(1, N_ACTORS + 1)]
    return Random(1).choices(range(N_ACTORS), weights, k=N_ACTORS)


_OTHERS: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("general", lambda: b"GET /v1/recommendations?n=10 HTTP/1.1\r\nHost: bench\r\n\r\n"),
    ("related", _related(cycle(range(N_ACTORS)))),
    ("related_as_read", _related(cycle(_as_read()))),
    ("three_blocks", _blocks("home", "services", "news")),
    ("three_home_blocks", _blocks("home", "home", "home")),
)


def _check(url: str) -> None:
    """Wait until lists are personal and made with the models: a bench of the fallback would flatter."""
    with http_client(base_url=url, timeout=_WAIT_S) as client:

        def list_now() -> dict[str, Any]:
            answer = client.get("/v1/recommendations", params={"n": 10, "anonymous_id": "bench-1"})
            return dict(answer.json())

        def is_personal() -> bool:
            answer_now = list_now()
            models = bool(answer_now["model"]) and answer_now["mode"] == "personalised" and not answer_now["degraded"]
            return models and len(answer_now["items"]) == 10

        wait_for(is_personal, _WAIT_S, lambda: f"lists to be what is to be measured, and not {str(list_now())[:300]}")
