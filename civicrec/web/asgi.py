"""The little of HTTP that a plain ASGI route needs: answer JSON or a problem document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote_from_bytes

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PROBLEM = "application/problem+json"
_encode = msgspec.json.Encoder().encode
#: All that is ASCII stays as it was written.
_WRITTEN = "".join(map(chr, range(128)))


async def answer(send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def answer_json(send: Send, value: Any, headers: Headers) -> None:
    """Send 200 with JSON."""
    await answer(send, 200, _encode(value), [(b"content-type", b"application/json"), *headers])


class Problem(msgspec.Struct):
    """What is wrong with a request, or with this server (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: Annotated[str, msgspec.Meta(description="what was got, what was expected, what to do")]


def problem(status: int, detail: str) -> bytes:
    """Return an RFC 9457 problem document."""
    return _encode(Problem("about:blank", HTTPStatus(status).phrase, status, detail))


async def answer_problem(send: Send, status: int, detail: str, headers: Headers) -> None:
    """Send a problem document."""
    await answer(send, status, problem(status, detail), [(b"content-type", PROBLEM.encode()), *headers])


def for_a_framework(scope: Scope) -> Scope:
    """Return the scope of a request as a framework can take it: its address is ASCII, its cookies are in no quotes.

    FastAPI reads the cookies of every request, and Python before 3.11.10 and 3.12.6 undoes backslashes in quotes in
    quadratic time: one header of 50 KB held a process for half a minute. No cookie of ours has any.
    """
    query, headers = scope["query_string"], scope["headers"]
    if not query.isascii():
        scope = {**scope, "query_string": quote_from_bytes(query, safe=_WRITTEN).encode()}
    if any(name == b"cookie" and b"\\" in value for name, value in headers):
        scope = {**scope, "headers": [(name, _plain(value) if name == b"cookie" else value) for name, value in headers]}
    return scope


def _plain(cookies: bytes) -> bytes:
    return b";".join(one for one in cookies.split(b";") if b"\\" not in one)


def head_as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """Make a GET of a HEAD whose answer goes out without its body; any other request stays as it is."""
    if scope.get("method") != "HEAD":
        return scope, send

    async def head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return {**scope, "method": "GET"}, head
