"""Hundreds of connections that send a byte now and then, and a client beside them that must not notice."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.collectors.test_process import a_batch
from tests.running import RunningCollector, running_collector

TIMEOUT_S = 4.0
#: The answer to a healthy client, even on a machine with other work. Behind a slow one it would be `TIMEOUT_S`.
SOON_S = 2.0
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\n"
KINDS = {
    "nothing at all": (b"", b""),
    "a head without end": (HEAD, b"X: y\r\n"),
    "a body that drips": (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks that drip": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}


async def slow_connection(port: int, start: bytes, drop: bytes, every_s: float) -> tuple[float, bytes]:
    """Send a drop now and then until the other side ends it; return after how long, and what it said."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = asyncio.ensure_future(reader.read())
    try:
        writer.write(start)
        while not said.done():
            writer.write(drop)
            await asyncio.wait([said], timeout=every_s)
        return time.monotonic() - began, said.result()
    except ConnectionError:
        return time.monotonic() - began, b"reset"
    finally:
        said.cancel()
        writer.close()


async def healthy_client(url: str, until: float) -> list[float]:
    """Send batch after batch on new connections and on one that is kept; return the seconds each took."""
    took: list[float] = []
    async with httpx.AsyncClient(base_url=url, timeout=10) as kept:
        while time.monotonic() < until:
            for client in (kept, httpx.AsyncClient(base_url=url, timeout=10)):
                began = time.monotonic()
                answer = await client.post("/v1/events", content=a_batch(10 * len(took)))
                took.append(time.monotonic() - began)
                assert answer.json()["accepted"] == 10
                if client is not kept:
                    await client.aclose()
            await asyncio.sleep(0.05)
    return took


def a_patient_collector(home: Path) -> AbstractContextManager[RunningCollector]:
    limit = f"{TIMEOUT_S:g}"
    return running_collector(
        home, {"CIVICREC_COLLECTOR__HEADER_TIMEOUT_S": limit, "CIVICREC_COLLECTOR__BODY_TIMEOUT_S": limit}
    )


async def besiege(
    process: RunningCollector, n_slow: int, seconds: float
) -> tuple[dict[str, list[tuple[float, bytes]]], list[float]]:
    port = process.settings.collector.port
    every_s = max(0.2, n_slow / 2_000)  # 2 000 drops a second in all: the senders share the machine with the collector
    slow = {
        kind: [slow_connection(port, *words, every_s) for _ in range(n_slow // len(KINDS))]
        for kind, words in KINDS.items()
    }
    *ended, took = await asyncio.gather(
        *(asyncio.gather(*connections) for connections in slow.values()),
        healthy_client(process.url, time.monotonic() + seconds),
    )
    return dict(zip(slow, ended, strict=True)), took


@pytest.mark.parametrize("n_slow", [400, pytest.param(3_000, marks=pytest.mark.slow)])
def test_slow_connections_are_ended_in_time_and_hinder_nobody(tmp_path: Path, n_slow: int) -> None:
    with a_patient_collector(tmp_path) as process:
        ended, took = asyncio.run(besiege(process, n_slow, 2 * TIMEOUT_S))
        assert max(took) < SOON_S
        assert len(process.kept()) == 10 * len(took) > 100
        for kind, connections in ended.items():
            assert min(after for after, _ in connections) > TIMEOUT_S * 0.9, kind
            assert max(after for after, _ in connections) < TIMEOUT_S + 10 * SOON_S, kind
        for kind in ("a body that drips", "chunks that drip"):
            assert {said[:12] for _, said in ended[kind]} <= {b"HTTP/1.1 408", b"reset"}, kind
            assert any(said.startswith(b"HTTP/1.1 408") for _, said in ended[kind])
        books = httpx.get(f"{process.url}/v1/accounting").json()
        assert (books["received"], books["balanced"]) == (10 * len(took), True)


def test_slow_connections_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with a_patient_collector(tmp_path) as process:

        async def end_amid() -> int:
            port = process.settings.collector.port
            slow = [
                asyncio.create_task(slow_connection(port, *words, 0.2)) for words in KINDS.values() for _ in range(10)
            ]
            await asyncio.sleep(1)
            code = await asyncio.to_thread(process.end, signal.SIGTERM)
            await asyncio.gather(*slow)
            return code

        began = time.monotonic()
        assert asyncio.run(end_amid()) == 0
        assert time.monotonic() - began < TIMEOUT_S + 10
