"""The little of HTTP that the fast route needs: read a body within a limit, answer JSON or a problem document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

import msgspec

from civicrec.errors import InvalidInput, Unavailable
from civicrec.events import MAX_BATCH_BYTES
from collectors.arrival import BadBody, BodyTooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

#: How much of an oversized body is still read before answering: closing at once would reset the connection and the
#: client would never see why.
_READ_AND_FORGET = 16 * MAX_BATCH_BYTES
PROBLEM = "application/problem+json"
_encode = msgspec.json.Encoder().encode


class BodyTooSlow(InvalidInput):
    """The body did not arrive in time."""

    http_status = 408


class TooManyBodies(Unavailable):
    """Too many bodies are half-way here."""

    http_status = 429


class BodyReader:
    """Reads bodies within limits of size, time and memory.

    Parameters
    ----------
    timeout_s
        How long one body may take.
    max_held
        Bytes of unfinished bodies held at once, of all requests: slow senders of large bodies must not fill the memory.
    """

    def __init__(self, timeout_s: float, max_held: int = 256 * MAX_BATCH_BYTES) -> None:
        self._timeout_s = timeout_s
        self._max_held = max_held
        self._held = 0

    async def read(self, receive: Receive) -> bytes:
        """Return the whole body.

        Raises
        ------
        BodyTooLarge
            If it is longer than a batch may be.
        BodyTooSlow
            If it is not there in time.
        BadBody
            If the connection ended before it.
        TooManyBodies
            If too much of other bodies is held already.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                message = await receive()
                if message.get("more_body"):
                    return await self._rest(message, receive)
        except TimeoutError:
            raise BodyTooSlow(f"the body did not arrive in {self._timeout_s:g} s; send smaller batches") from None
        return _checked(message, len(message.get("body", b"")), [message.get("body", b"")])

    async def _rest(self, message: Message, receive: Receive) -> bytes:
        size, parts = 0, []
        try:
            while True:
                body = message.get("body", b"")
                size += len(body)
                if size <= MAX_BATCH_BYTES:
                    parts.append(body)
                    self._held += len(body)
                if self._held > self._max_held:
                    raise TooManyBodies("too many bodies are under way; nothing was accepted, send again later")
                if not message.get("more_body") or size > _READ_AND_FORGET:
                    return _checked(message, size, parts)
                message = await receive()
        finally:
            self._held -= sum(map(len, parts))


def _checked(message: Message, size: int, parts: list[bytes]) -> bytes:
    if message["type"] == "http.disconnect":  # what came before may be the half of a line
        raise BadBody("the connection ended before the body did; send it again")
    if size > MAX_BATCH_BYTES:
        raise BodyTooLarge(f"the body is longer than {MAX_BATCH_BYTES} bytes; send smaller batches")
    return parts[0] if len(parts) == 1 else b"".join(parts)


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
