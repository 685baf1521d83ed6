"""A server with a thread a connection: slow heads and bodies end, and idle connections make place for new ones."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from civicrec.settings import ConnectionSettings
from civicrec.web.threads import BoundedHandler, BoundedServer

PATIENCE_S = 20.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Echo(BoundedHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def do_GET(self) -> None:
        self.say(b"hello")

    def do_POST(self) -> None:
        self.say(self.rfile.read(int(self.headers["Content-Length"])))

    def say(self, body: bytes) -> None:
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class QuietServer(BoundedServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def running(**bounds: float) -> Iterator[int]:
    server = QuietServer(("127.0.0.1", 0), Echo)
    server.bounds = ConnectionSettings(**{"header_timeout_s": 60, "body_timeout_s": 60, **bounds})  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opened(port: int, start: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    connection.sendall(start)
    return connection


def ended_after(connection: socket.socket, drop: bytes) -> float:
    """Send a drop now and then until the other side ends it; return after how long."""
    began = time.monotonic()
    connection.settimeout(0.05)
    while time.monotonic() < began + PATIENCE_S:
        try:
            if connection.recv(1_000) == b"":
                return time.monotonic() - began
            connection.sendall(drop)
        except TimeoutError:
            connection.sendall(drop)
        except OSError:
            return time.monotonic() - began
    raise AssertionError("the connection was never ended")


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\n", GET])
def test_a_head_that_drips_or_does_not_come_is_ended(start: bytes) -> None:
    with running(header_timeout_s=0.5) as port, opened(port, start) as slow:
        drop = b"" if start in (b"", GET) else b"X: y\r\n"
        assert 0.4 < ended_after(slow, drop) < PATIENCE_S


def test_a_body_that_drips_is_ended_and_a_slow_whole_one_is_not() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"
    with running(body_timeout_s=0.5) as port:
        with opened(port, head) as slow:
            assert 0.4 < ended_after(slow, b".") < PATIENCE_S
        with opened(port, head + b"a" * 500) as good:
            good.sendall(b"b" * 500)
            assert b"a" * 500 + b"b" * 500 in good.recv(4_096)


def test_what_rests_longest_makes_place_and_what_works_does_not() -> None:
    with running(max_connections=16) as port, ExitStack() as held:
        working = held.enter_context(opened(port, b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na"))
        kept = held.enter_context(opened(port, GET))
        assert kept.recv(4_096).endswith(b"hello")
        time.sleep(0.2)  # until it rests
        resting = [held.enter_context(opened(port, b"GET /")) for _ in range(60)]
        for _ in range(5):
            with opened(port, GET) as new:
                assert new.recv(4_096).endswith(b"hello")
        assert resting[0].recv(1) == b""
        assert kept.recv(1) == b""
        working.sendall(b"b")
        assert working.recv(4_096).endswith(b"ab")


def test_when_all_work_a_new_one_is_ended_and_a_place_that_is_free_again_is_given() -> None:
    with running(max_connections=16) as port, ExitStack() as held:
        head = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na"
        working = [held.enter_context(opened(port, head)) for _ in range(16)]
        time.sleep(0.3)  # until all their heads were read
        with opened(port, GET) as refused, suppress(ConnectionError):
            assert refused.recv(1) == b""
        for one in working:
            one.sendall(b"b")
            assert one.recv(4_096).endswith(b"ab")
        with opened(port, GET) as new:
            assert new.recv(4_096).endswith(b"hello")
