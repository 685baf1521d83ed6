"""The warehouse's gateway under senders that are slow, many, or say what no sender says."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.running import RunningStack, running_stack, wait_for

pytestmark = pytest.mark.stack

TIMEOUT_S = 3
#: An answer on a machine with other work; behind a slow sender it would not come at all.
SOON_S = 20.0
POST = b"POST /?query=SELECT HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    bounds = {"HEADER_TIMEOUT_S": str(TIMEOUT_S), "BODY_TIMEOUT_S": str(TIMEOUT_S), "MAX_CONNECTIONS": "32"}
    env = {f"CIVICREC_WAREHOUSE__{name}": value for name, value in bounds.items()}
    with running_stack(tmp_path_factory.mktemp("gateway"), only=("warehouse",), env=env) as running:
        yield running


def answer_to(gateway: RunningStack, request: bytes) -> bytes:
    """Return the first line of the answer."""
    with socket.create_connection(("127.0.0.1", gateway.settings.warehouse.port), timeout=SOON_S) as connection:
        connection.sendall(request)
        return connection.recv(1_000).split(b"\r\n")[0]


def answers(gateway: RunningStack) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.settings.warehouse.port, timeout=SOON_S)
    connection.request("POST", "/", b"SELECT 1")
    data = connection.getresponse().read()
    connection.close()
    return data == b"1\n"


def answers_or_closes(gateway: RunningStack) -> bool:
    try:
        return answers(gateway)
    except ConnectionError:
        return False


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: 9999999999\r\n\r\n", b"413"),
        (b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n", b"413"),
        (b"Content-Length: -1\r\n\r\n", b"400"),
        (b"Content-Length: 1_0\r\n\r\n0123456789", b"400"),
        (b"Content-Length: +2\r\n\r\n 1", b"400"),
        (b"Content-Length: \xc2\xb2\r\n\r\n 1", b"400"),
        (b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\n 1\r\n-2\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 99 + b"\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n\r\n\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\nfffffffffff\r\n", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\n 1\r\n0\r\n\r\n", b"200"),
        (b"Content-Length: 2\r\n\r\n 1", b"200"),
    ],
)
def test_what_no_sender_says_is_refused_and_what_one_says_is_not(
    gateway: RunningStack, rest: bytes, status: bytes
) -> None:
    assert answer_to(gateway, POST + rest).split()[1] == status
    assert answers(gateway)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Host: [", b"403"),
        (b"Host: [::1", b"403"),
        (b"Host: a]b:99999999", b"403"),
        (b"Host: 127.0.0.1\r\nAuthorization: Basic \xff\xff", b"403"),
        (b"Host: 127.0.0.1\r\nAuthorization: Basic AA\xc2\xb2=", b"403"),
        (b"Host: 127.0.0.1\r\nX-ClickHouse-User: \xff\r\nX-ClickHouse-Key: \xff", b"403"),
        (b"Host: 127.0.0.1\r\nContent-Type: multipart/form-data", b"400"),
    ],
)
def test_a_head_that_cannot_be_read_is_answered_and_writes_no_line(
    gateway: RunningStack, head: bytes, status: bytes
) -> None:
    log = len(gateway.log)
    assert answer_to(gateway, b"POST / HTTP/1.1\r\n" + head + b"\r\nContent-Length: 0\r\n\r\n").split()[1] == status
    assert answers(gateway)
    assert "Traceback" not in gateway.log[log:]


@pytest.mark.parametrize("start", [b"", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"], ids=["nothing", "half a head"])
def test_more_slow_connections_than_there_is_place_for_hinder_nobody(gateway: RunningStack, start: bytes) -> None:
    with ExitStack() as held:
        for _ in range(200):
            connection = socket.create_connection(("127.0.0.1", gateway.settings.warehouse.port), timeout=SOON_S)
            held.enter_context(connection).sendall(start)
        assert all(answers(gateway) for _ in range(5))
    # While the two hundred are let go of, a newcomer may still be taken for one of them.
    wait_for(lambda: answers_or_closes(gateway), SOON_S, "an answer")


def test_a_body_that_does_not_come_is_408_and_is_not_waited_for(gateway: RunningStack) -> None:
    with ExitStack() as held:
        slow = []
        for _ in range(20):
            connection = socket.create_connection(("127.0.0.1", gateway.settings.warehouse.port), timeout=SOON_S)
            held.enter_context(connection).sendall(POST + b"Content-Length: 100\r\n\r\n ")
            slow.append(connection)
        began = time.monotonic()
        assert answers(gateway)
        assert {connection.recv(1_000).split()[1] for connection in slow} == {b"408"}
        assert time.monotonic() - began < TIMEOUT_S + SOON_S


@pytest.mark.parametrize("target", [b"http://[/", b"http://[abc]/?query=SELECT+1", "http://a℀b/".encode()])
def test_a_target_that_is_no_address_is_refused_in_words(gateway: RunningStack, target: bytes) -> None:
    for method in (b"GET", b"POST"):
        said = answer_to(gateway, method + b" " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
        assert said.split()[1:2] == [b"400"]
    assert "request_failed" not in gateway.log
