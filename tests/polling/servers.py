"""A portal's server for one test: real HTTP on loopback, with what each address answers, and what it was asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answering = Callable[["_Handler"], None]


@dataclass
class Said:
    """An answer: `body` as bytes, or a function that writes it as it likes."""

    body: bytes | Answering = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Portal:
    """What a test does to the server, and sees of its requests: path and headers."""

    url: str
    port: int
    says: dict[str, Said] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def paths(self) -> list[str]:
        paths = [path for path, _ in self.asked]
        self.asked.clear()
        return paths


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer takes the 40 ms of a delayed acknowledgement
    portal: Portal

    def do_GET(self) -> None:
        self.portal.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        said = self.portal.says.get(self.path, Said(b"not here", 404))
        if not isinstance(said.body, bytes):
            said.body(self)
            self.close_connection = True
            return
        etag = said.headers.get("ETag")
        modified = said.headers.get("Last-Modified")
        is_known = (etag and self.headers.get("If-None-Match") == etag) or (
            not etag and modified and self.headers.get("If-Modified-Since") == modified
        )
        self.send_response(304 if is_known else said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        body = b"" if is_known else said.body
        if not is_known:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that went away is what a test may be about."""


@contextmanager
def running_portal(context: ssl.SSLContext | None = None) -> Iterator[Portal]:
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    port = server.server_address[1]
    portal = Portal(f"{'https' if context else 'http'}://127.0.0.1:{port}", port)
    handler.portal = portal  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield portal
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
