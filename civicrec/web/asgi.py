"""The little of HTTP that a plain ASGI route needs: answer JSON or a problem document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PROBLEM = "application/problem+json"
_encode = msgspec.json.Encoder().encode


async def answer(send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def answer_json(send: Send, value: Any, headers: Headers) -> None:
    """Send 200 with JSON."""
    await answer(send, 200, _encode(value), [(b"content-type", b"application/json"), *headers])


def problem(status: int, detail: str) -> dict[str, Any]:
    """Return an RFC 9457 problem document."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


async def answer_problem(send: Send, status: int, detail: str, headers: Headers) -> None:
    """Send a problem document."""
    await answer(send, status, _encode(problem(status, detail)), [(b"content-type", PROBLEM.encode()), *headers])


def head_as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """Make a GET of a HEAD whose answer goes out without its body; any other request stays as it is."""
    if scope.get("method") != "HEAD":
        return scope, send

    async def head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return {**scope, "method": "GET"}, head
