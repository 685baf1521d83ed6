"""What every request to an application has to pass first, so that no request costs more than it pays for.

In: a request. Out: the application with a whole body and the method it knows, or a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from civicrec.errors import CivicrecError
from civicrec.web.asgi import (
    Application,
    Headers,
    Message,
    Receive,
    Scope,
    Send,
    answer_problem,
    for_a_framework,
    head_as_get,
)
from civicrec.web.bodies import BodyReader, BodyRefused
from civicrec.web.limits import Addresses, Buckets, TooMany

#: Methods whose body, if there is one, is nobody's business.
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_STATE = "civicrec.charge"
#: So much of a body is charged as one request: of one that is not taken, it is only read; of one that is, whatever it
#: holds is looked at.
_BYTES_READ, _BYTES_LOOKED_AT = 1 << 20, 16 << 10


class Guard:
    """ASGI middleware: limits by address, reads the body within its limits, answers HEAD as GET without the body.

    Parameters
    ----------
    bodies
        Reads them.
    bodies_of
        Returns what reads the body of this request instead, ``None`` for most.
    addresses, buckets
        Who pays, and how much each may ask for; a request costs one, its body and what `charge` adds.
    refused
        Called with the status of what was answered here; 400 for a body cut off, which is seldom heard.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        app: Application,
        bodies: BodyReader,
        addresses: Addresses,
        buckets: Buckets,
        refused: Callable[[int], None],
        clock: Callable[[], float],
        bodies_of: Callable[[Scope], BodyReader | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._addresses = addresses
        self._buckets = buckets
        self._refused = refused
        self._clock = clock
        self._bodies_of = bodies_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._let_in(scope)
            if scope["method"] not in _BODILESS:
                body = await (self._bodies_of(scope) or self._bodies).read(receive)
                charge(scope, len(body) // _BYTES_LOOKED_AT)
                receive = _body_again(body, receive)
        except CivicrecError as error:
            self._refused(error.http_status)
            if isinstance(error, BodyRefused):
                charge(scope, error.n_bytes / _BYTES_READ)
            # Also of a body cut off: where its chunks are broken, its sender is still there.
            await answer_problem(send, error.http_status, str(error), _retry_after(error))
            return
        scope, send = head_as_get(for_a_framework(scope), send)
        await self._app(scope, receive, send)

    def _let_in(self, scope: Scope) -> None:
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        payer = self._addresses.class_of((scope.get("client") or ("",))[0], headers)
        if payer is None:
            return
        if wait_s := self._buckets.wait_s(payer, self._clock()):
            raise TooMany("this address", wait_s)
        self._buckets.take(payer, 1, self._clock())
        scope[_STATE] = lambda cost: self._buckets.take(payer, cost, self._clock())


def charge(scope: Scope, cost: float) -> None:
    """Count what a request costs beyond one; an address without limits pays nothing."""
    if take := scope.get(_STATE):
        take(cost)


def _retry_after(error: CivicrecError) -> Headers:
    seconds = error.retry_after_s if isinstance(error, TooMany) else 1
    return [(b"retry-after", b"%d" % seconds)] if error.http_status in (429, 503) else []


def _body_again(body: bytes, receive: Receive) -> Receive:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return first.pop() if first else await receive()

    return receive_again
