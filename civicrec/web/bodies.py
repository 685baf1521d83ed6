"""Reads the body of a request within limits of size, time and memory.

In: an ASGI `receive`. Out: the whole body, or why there is none.
"""

from __future__ import annotations

import asyncio

from civicrec.errors import InvalidInput, Unavailable
from civicrec.web.asgi import Message, Receive

#: How much of an oversized body is still read before answering, unless told otherwise, in lengths of the largest that
#: is taken: closing at once would reset the connection and the client would never see why.
_READ_AND_FORGET = 64
#: Each piece costs some 35 µs, whatever it holds. So many may be as small as they like, and each further one has to
#: hold so much on average: an event a piece is enough, and so is a packet of any network.
_FREE_PIECES, _PIECE_BYTES = 256, 128


class BodyRefused(InvalidInput):
    """The body is not one that is taken; `n_bytes` of it were read, if that is known."""

    http_status = 400
    n_bytes = 0


class BodyTooLarge(BodyRefused):
    """The body, or what it unpacks to, is over a limit."""

    http_status = 413


class BodyInCrumbs(BodyRefused):
    """The body comes in pieces that cost more than they hold; `n_bytes` counts what they cost."""


class BodyCutOff(InvalidInput):
    """The client went away in the middle of its body."""

    http_status = 400


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
    max_bytes
        How long one body may be.
    max_held
        Bytes of unfinished bodies held at once, of all requests: slow senders of large bodies must not fill the memory;
        256 of the largest when not given.
    max_read
        How far a body over the limit is read before it is answered.
    """

    def __init__(self, timeout_s: float, max_bytes: int, max_held: int = 0, max_read: int = 0) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._max_held = max_held or 256 * max_bytes
        self._max_read = max_read or _READ_AND_FORGET * max_bytes
        self._held = 0

    async def read(self, receive: Receive) -> bytes:
        """Return the whole body.

        Raises
        ------
        BodyTooLarge
            If it is longer than a body may be.
        BodyInCrumbs
            If it comes in too many small pieces.
        BodyTooSlow
            If it is not there in time.
        BodyCutOff
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
            raise BodyTooSlow(f"the body did not arrive in {self._timeout_s:g} s; send less at once") from None
        return self._checked(message, len(message.get("body", b"")), message.get("body", b""))

    async def _rest(self, message: Message, receive: Receive) -> bytes:
        size, n_pieces, taken = 0, 0, bytearray()
        try:
            while True:
                body = message.get("body", b"")
                size += len(body)
                n_pieces += 1
                if n_pieces > _FREE_PIECES + size // _PIECE_BYTES:
                    crumbs = BodyInCrumbs(f"the body came in {n_pieces} pieces for {size} bytes; send larger ones")
                    crumbs.n_bytes = n_pieces * _PIECE_BYTES
                    raise crumbs
                if size <= self._max_bytes:
                    taken += body
                    self._held += len(body)
                elif taken:
                    self._held -= len(taken)
                    taken.clear()
                if self._held > self._max_held:
                    raise TooManyBodies("too many bodies are under way; nothing was accepted, send again later")
                if not message.get("more_body") or size > self._max_read:
                    return self._checked(message, size, taken)
                message = await receive()
        finally:
            self._held -= len(taken)

    def _checked(self, message: Message, size: int, taken: bytes | bytearray) -> bytes:
        if message["type"] == "http.disconnect":  # what came before may be the half of a line
            raise BodyCutOff("the connection ended before the body did; send it again")
        if size > self._max_bytes:
            error = BodyTooLarge(f"the body is longer than {self._max_bytes} bytes; send less at once")
            error.n_bytes = size
            raise error
        return bytes(taken)
