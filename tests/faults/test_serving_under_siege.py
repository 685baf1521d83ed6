"""Connections to serving that drip, hang or break off, and bodies no page needs, beside readers who must not notice."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.faults.test_slow_connections import SOON_S, slow_connection
from tests.running import RunningStack, running_stack, wait_for

pytestmark = pytest.mark.stack

TIMEOUT_S = 4.0
HEAD = b"POST /v1/recommendations HTTP/1.1\r\nHost: x\r\n"
KINDS = {
    "nothing at all": (b"", b""),
    "a head without end": (b"GET /v1/recommendations HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n"),
    "a body that drips": (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks that drip": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    limit = {f"CIVICREC_SERVING__{name}_TIMEOUT_S": f"{TIMEOUT_S:g}" for name in ("HEADER", "BODY")}
    with running_stack(tmp_path_factory.mktemp("serving"), only=("valkey", "serve"), env=limit) as running:
        yield running


async def reader(url: str, until: float) -> list[float]:
    """Ask for list after list on new connections; return the seconds each took."""
    took = []
    while time.monotonic() < until:
        began = time.monotonic()
        async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
            (await client.get("/v1/recommendations", params={"n": 3})).raise_for_status()
        took.append(time.monotonic() - began)
        await asyncio.sleep(0.05)
    return took


@pytest.mark.parametrize("n_slow", [400, pytest.param(3_000, marks=pytest.mark.slow)])
def test_slow_connections_are_ended_in_time_and_lists_go_on(serving: RunningStack, n_slow: int) -> None:
    async def besiege() -> tuple[list[list[tuple[float, bytes]]], list[float]]:
        port, every_s = serving.settings.serving.port, max(0.2, n_slow / 2_000)
        *ended, took = await asyncio.gather(
            *(
                asyncio.gather(*(slow_connection(port, *words, every_s) for _ in range(n_slow // len(KINDS))))
                for words in KINDS.values()
            ),
            reader(serving.serving_url, time.monotonic() + 2 * TIMEOUT_S),
        )
        return ended, took

    ended, took = asyncio.run(besiege())
    assert sorted(took)[len(took) // 2] < SOON_S
    for kind, connections in zip(KINDS, ended, strict=True):
        assert min(after for after, _ in connections) > TIMEOUT_S * 0.9, kind
        assert max(after for after, _ in connections) < TIMEOUT_S + 10 * SOON_S, kind
        if "drip" in kind:
            assert any(said.startswith(b"HTTP/1.1 408") for _, said in connections), kind


def refused(serving: RunningStack, status: int) -> float:
    text = httpx.get(f"{serving.serving_url}/metrics").text
    found = re.search(rf'civicrec_requests_refused_total{{status="{status}"}} (\S+)', text)
    assert found
    return float(found[1])


@pytest.mark.parametrize("n", [300, pytest.param(3_000, marks=pytest.mark.slow)])
def test_bodies_cut_off_are_counted_and_write_no_line(serving: RunningStack, n: int) -> None:
    before, log = refused(serving, 400), len(serving.log)
    for path in (b"/v1/feedback", b"/v1/recommendations", b"/portal/consent"):
        for _ in range(n // 3):
            with socket.create_connection(("127.0.0.1", serving.settings.serving.port), timeout=10) as connection:
                connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{" % path)
    wait_for(lambda: refused(serving, 400) >= before + n, 30, "all to be counted")
    assert httpx.get(f"{serving.serving_url}/v1/recommendations").status_code == 200
    assert "request_failed" not in serving.log[log:]
    assert len(serving.log) - log < 2_000


@pytest.mark.parametrize(
    "body",
    [
        b"2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 3_000 + b"\r\n",
        b"2\r\n{}\r\nzz\r\n",
        b"1\r\n \r\n" * 2_000 + b"0\r\n\r\n",
    ],
    ids=["a long extension", "many trailers", "a size that is none", "crumbs"],
)
def test_chunks_that_no_client_sends_are_a_bad_request(serving: RunningStack, body: bytes) -> None:
    with socket.create_connection(("127.0.0.1", serving.settings.serving.port), timeout=10) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)
        assert connection.recv(1_000).split()[1] == b"400"
    assert httpx.get(f"{serving.serving_url}/v1/recommendations").status_code == 200


def test_a_body_no_page_needs_is_refused_and_not_kept(serving: RunningStack) -> None:
    for path in ("/v1/recommendations", "/v1/feedback", "/portal/mode"):
        answer = httpx.post(f"{serving.serving_url}{path}", content=b" " * (20 << 20))
        assert answer.status_code == 413
    assert refused(serving, 413) >= 3
