"""A portal whose pages carry the tracker and the widget: another origin, a strict content security policy, a slow door.

Its list server is a real one of a stack; the pages reach it through a door that a test can make slow, or shut.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.running import RunningStack

KEY = "0123456789abcdef0123456789abcdef"
#: What keeps the place of lists before the script is there: 6.5 em an item.
STYLE = b"""civicrec-list { display: block }
civicrec-list[n="6"] { min-height: 39em } civicrec-list[n="4"] { min-height: 26em }"""


@dataclass
class Portal:
    """Pages of a portal, and the list server as its pages reach it: through a door that can be slow or shut.

    Attributes
    ----------
    late_s
        How long the door keeps an answer to a list.
    style
        The portal's own style sheet.
    answer
        What the door answers to a list instead of the server: status and body.
    asked
        Bodies of the lists that were asked for.
    """

    stack: RunningStack
    port: int
    door_port: int
    pages: dict[str, str] = field(default_factory=dict)
    style: bytes = STYLE
    late_s: float = 0.0
    answer: tuple[int, str] | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def door(self) -> str:
        return f"http://127.0.0.1:{self.door_port}"

    def empty(self) -> None:
        """Forget pages and requests, and open the door."""
        self.pages.clear()
        self.asked.clear()
        self.late_s, self.answer = 0.0, None

    def add(
        self,
        path: str,
        body: str,
        *,
        tag: str = 'data-link="/items/{id}"',
        consent: str = "wait",
        token: str = "",
    ) -> str:
        """Put a page with the two tags on the portal and return its address."""
        data = f'data-site="gz" data-consent="{consent}"' + (f' data-token="{token}"' if token else "")
        tags = (
            f'<script src="{self.stack.collector_url}/c.js" {data} defer></script>'
            f'<script src="{self.door}/w.js" {tag} defer></script>'
        )
        self.pages[path] = (
            '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>门户</title>'
            '<meta name="viewport" content="width=device-width">'
            f'<link rel="stylesheet" href="/portal.css">{tags}</head>'
            f"<body><main><h1>首页</h1>{body}<p id=after>页尾</p></main></body></html>"
        )
        return self.url + path

    def page(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        if path == "/portal.css":
            reply(request, 200, self.style, {"Content-Type": "text/css"})
            return
        text = self.pages.get(path, f"<!doctype html><title>{path}</title><h1>{path}</h1>")
        hosts = f"{self.stack.collector_url} {self.door}"
        policy = f"default-src 'none'; script-src {hosts}; connect-src {hosts}; style-src 'self'"
        reply(
            request, 200, text.encode(), {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
        )

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        is_list = request.path == "/v1/recommendations"
        if is_list:
            self.asked.append(json.loads(body))
            time.sleep(self.late_s)
        allowed = {"Access-Control-Allow-Origin": self.url}
        if is_list and self.answer:
            status, text = self.answer
            reply(request, status, text.encode(), {**allowed, "Content-Type": "application/json"})
            return
        kept = {name: request.headers[name] for name in ("origin", "content-type") if request.headers[name]}
        got = httpx.request(
            request.command, self.stack.serving_url + request.path, content=body, headers=kept, timeout=30
        )
        names = [name for name in got.headers if name.startswith(("access-control", "content-type"))]
        reply(request, got.status_code, got.content, {name: got.headers[name] for name in names})


def reply(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
