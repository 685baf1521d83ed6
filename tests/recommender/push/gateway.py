"""A real HTTP gateway for tests: takes each key once, and answers as badly as it is told to.

Its signature check is written anew, so that both sides cannot be wrong alike.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "a key of the gateway"
#: How a request is answered: status, headers, and whether the gateway took the messages before it answered.
Answer = tuple[int, dict[str, str], bool]
TAKEN: Answer = (200, {}, True)


class Gateway:
    """What came, and how it is answered.

    Attributes
    ----------
    kept
        Key → message, each the first time it was taken.
    n_seen
        Key → how often it came.
    how
        Number of the request, its messages → the answer.
    """

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.n_seen: Counter[str] = Counter()
        self.requests: list[dict[str, str]] = []
        self.unsigned = 0
        self.how: Callable[[int, list[dict[str, Any]]], Answer | dict[str, Any]] = lambda n, messages: TAKEN
        self.changed = threading.Condition()
        self.url = ""

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        signed = headers["x-civicrec-timestamp"].encode() + b"." + body
        good = "sha256=" + hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(good, headers["x-civicrec-signature"]):
            self.unsigned += 1
            return 401, {}, b""
        messages = json.loads(body)["messages"]
        with self.changed:
            self.requests.append(headers)
            n = len(self.requests)
        how = self.how(n, messages)
        status, more, is_taken = how if isinstance(how, tuple) else (200, {}, True)
        with self.changed:
            for message in messages if is_taken else ():
                self.n_seen[message["key"]] += 1
                self.kept.setdefault(message["key"], message)
            self.changed.notify_all()
        return status, more, b"" if isinstance(how, tuple) else json.dumps(how).encode()

    def wait_for(self, n: int, timeout_s: float = 60) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.kept) >= n, timeout_s), f"{len(self.kept)} of {n} came"


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, content = gateway.answer({k.lower(): v for k, v in self.headers.items()}, body)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the sender was killed or lost patience

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a sender that was killed cuts connections off

    server = Server(("127.0.0.1", 0), Handler)
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}/push"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
