"""An application asked as a server asks it: raw bytes in the address, the body in pieces, the connection cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes


@dataclass
class Said:
    """What an application answered; status 0 is nothing at all."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(
    app: Any,
    method: str,
    path: str,
    query: bytes = b"",
    pieces: Sequence[bytes] = (b"",),
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    peer: str = "127.0.0.1",
    cut_off: bool = False,
) -> Said:
    """Ask once; with `cut_off` the client goes away after the pieces."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": one, "more_body": True} for one in pieces]
    if not cut_off:
        messages[-1]["more_body"] = False
    messages.append({"type": "http.disconnect"})
    left, said = iter(messages), Said(0, {}, b"")

    async def receive() -> Any:
        await asyncio.sleep(0)
        return next(left)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            said.status = message["status"]
            said.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            said.body += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"), "raw_path": path.encode(), "query_string": query,
        "root_path": "", "headers": [*headers, (b"host", b"test")], "client": (peer, 1), "server": ("test", 80),
    }  # fmt: skip

    async def run() -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            assert said.status == 500, "an application that fails says so"

    asyncio.run(run())
    return said
