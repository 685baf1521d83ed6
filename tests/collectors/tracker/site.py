"""A site that carries the tracker, and an endpoint before the collector that can be closed."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import httpx

from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, load
from tests.running import RunningStack, wait_for

#: Who answers instead of the collector: status, headers, text.
STRANGERS: dict[str, tuple[int, dict[str, str], str]] = {
    "a login page": (200, {"Content-Type": "text/html"}, "<html>please log in</html>"),
    "a gateway with JSON of its own": (200, {"Content-Type": "application/json"}, '{"code": 0}'),
    "a challenge": (202, {}, "<script>challenge()</script>"),
    "a redirect": (302, {"Location": "/login"}, ""),
    "a firewall": (403, {}, "blocked"),
    "a refusal that is a firewall's": (400, {"Content-Type": "text/html"}, "<html>bad request</html>"),
    "a gateway": (521, {}, ""),
    "a proxy that asks for a login": (407, {"Proxy-Authenticate": "Basic"}, "<html>log in</html>"),
    "a network that asks for a login": (511, {"Content-Type": "text/html"}, "<html>log in</html>"),
    "a rule of a gateway": (412, {"Content-Type": "application/json"}, '{"status": 412, "title": "no"}'),
    "nobody in particular": (204, {}, ""),
    "a gateway's JSON that is no object": (200, {"Content-Type": "application/json"}, '[{"accepted": 10}]'),
    "a gateway's idea of taking": (200, {"Content-Type": "application/json"}, '{"accepted": "10", "rejected": "no"}'),
    "a refusal of a gateway in JSON": (400, {"Content-Type": "application/json"}, '{"status": "400", "code": -1}'),
    "a gateway that is away": (503, {"Retry-After": "soon GMT"}, '{"status": 503}'),
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is what these tests are about."""


@contextmanager
def serving(port: int, answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        do_POST = do_OPTIONS = do_GET

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Site:
    """Pages under one origin, and what the collector has kept of them.

    Attributes
    ----------
    pages
        Path → (HTML, further headers).
    made
        Called for a path that is in no page.
    batches
        What came through the endpoint: (seconds, status the endpoint gave, body).
    status
        What the endpoint answers instead of the collector; 0 cuts the connection, 200 lets everything through.
    statuses
        The same for the next requests, one each.
    late_s
        How long the endpoint keeps each answer, once it has passed the events on.
    late_body_s
        How long it keeps the body after the head of an answer.
    disliked
        Words for which a firewall blocks a request.
    strangers
        Who answers the next requests instead of the collector, one each: status, headers, text.
    """

    name: str
    stack: RunningStack
    port: int
    endpoint_port: int
    pages: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    made: Callable[[str], str] | None = None
    batches: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    statuses: list[int] = field(default_factory=list)
    late_s: float = 0.0
    late_body_s: float = 0.0
    retry_after: str = ""
    disliked: str = ""
    strangers: list[tuple[int, dict[str, str], str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.endpoint_port}/v1/events"

    def tag(self, **data: str) -> str:
        """Return the script tag; `data` are its ``data-…`` attributes, ``_`` for ``-``."""
        given = {"site": self.name, "consent": "personalise", **data}
        attributes = " ".join(f'data-{name.replace("_", "-")}="{value}"' for name, value in given.items())
        return f'<script src="{self.stack.collector_url}/c.js" {attributes} defer></script>'

    def add(
        self,
        path: str,
        body: str = "",
        *,
        head: str = "",
        tag: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> str:
        """Put a page on the site and return its address; `head` is a script that runs before the tracker."""
        first = f"<script>{head}</script>" if head else ""
        tag = self.tag() if tag is None else tag
        text = f"<!doctype html><html><head><title>{path}</title>{first}{tag}</head><body>{body}</body></html>"
        self.pages[path] = (text, headers or {})
        return self.url + path

    def refuse(self, status: int, times: int) -> None:
        """Let the endpoint refuse the next batches for good, as the collector does."""
        document = {"type": "about:blank", "title": "refused", "status": status, "detail": "the endpoint is closed"}
        self.strangers = [(status, {"Content-Type": "application/problem+json"}, json.dumps(document))] * times

    def events(self, kind: str = "") -> list[Event]:
        """Return what the log holds of this site, in the order it was made."""
        log = SqliteEventLog(self.stack.settings.log_path, readonly=True)
        try:
            found = [event for entry in log.read(0, log.head()) for event in load(entry.record.value)[0]]
        finally:
            log.close()
        ours = [event for event in found if event.site == self.name and kind in ("", event.kind)]
        return sorted(ours, key=lambda event: event.event_id)

    def wait_events(self, n: int, kind: str = "", timeout_s: float = 20.0, browser: Any = None) -> list[Event]:
        """Wait until at least `n` have come, told by `browser` now and not with the next batch; return them."""
        if browser:
            browser.execute_script("civicrec('flush')")
        wait_for(lambda: len(self.events(kind)) >= n, timeout_s, lambda: f"{n} {kind} events, {self.facts()}")
        return self.events(kind)

    def facts(self) -> str:
        """Return what tells why events are not there: those that are, and the last words of the collector."""
        log = self.stack.log[-2_000:]
        return f"have {self.events()}, the endpoint saw {len(self.batches)}; the collector said:\n{log}"

    def sent(self) -> list[dict[str, Any]]:
        """Return every event that came to the endpoint, whatever it answered."""
        return [event for _, _, body in self.batches for event in body["events"]]

    def _page(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if path in self.pages:
            text, headers = self.pages[path]
        elif self.made:
            text, headers = self.made(path), {}
        else:
            text, headers = "", {"X-None": "1"}
        body = text.encode()
        request.send_response(404 if headers.get("X-None") else 200)
        kind = "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def _endpoint(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        status = self.statuses.pop(0) if self.statuses else self.status
        retry_after = self.retry_after
        late_s, late_body_s = self.late_s, self.late_body_s
        if status == 0:
            self.batches.append((time.monotonic(), 0, json.loads(body)))
            time.sleep(late_s)
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = {"Access-Control-Allow-Origin": self.url, "Access-Control-Expose-Headers": "Retry-After"}
        content = b""
        if self.disliked and self.disliked.encode() in body:
            status = 403
        elif self.strangers:
            status, more, text = self.strangers.pop(0)
            headers |= more
            content = text.encode()
        elif status == 200:
            kept = ("origin", "content-type", "user-agent", "dnt", "sec-gpc")
            passed = {name: request.headers[name] for name in kept if request.headers[name]}
            answer = httpx.post(f"{self.stack.collector_url}/v1/events", content=body, headers=passed, timeout=60)
            status, content = answer.status_code, answer.content
            headers = {name: answer.headers[name] for name in answer.headers if name.startswith("access-control")}
        elif retry_after:
            headers["Retry-After"] = retry_after
        self.batches.append((time.monotonic(), status, json.loads(body)))
        time.sleep(late_s)
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        time.sleep(late_body_s)
        request.wfile.write(content)


def is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


@contextmanager
def a_site(name: str, stack: RunningStack, ports: Iterator[int]) -> Iterator[Site]:
    # Found free at the start of the session; another program may have taken one since.
    free = filter(is_free, ports)
    site = Site(name, stack, next(free), next(free))
    with serving(site.port, site._page), serving(site.endpoint_port, site._endpoint):
        yield site


def arrive_once(events: list[Event]) -> bool:
    """Whether no event id is there twice."""
    ids: dict[UUID, int] = defaultdict(int)
    for event in events:
        ids[event.event_id] += 1
    return all(n == 1 for n in ids.values())
