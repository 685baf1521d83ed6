"""The online store in Redis or Valkey as the event loop reads it: one connection, no thread, nothing waits in turn.

In: an address. Out: as `profiles.online.ports.OnlineReader` says. Questions go out as they come, and the server answers
in that order, so all lists in the making share the connection. A thread for each read costs seven times the CPU, the
client library's own connections three times (docs/decisions/010-latency-of-a-list.md).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import hiredis

from civicrec.errors import Unavailable
from civicrec.process.ports import Endpoint
from civicrec.process.whose import REFUSAL, VALKEY_TITLE, is_anothers
from civicrec.security.tls import tls_context
from civicrec.settings import RedisSettings
from profiles.online.ports import MAX_CO_CLICKED, ActorState, Pairs, Visit
from profiles.online.redis_keys import co_key, next_key
from profiles.online.redis_queries import (
    Command,
    actor_commands,
    actor_of,
    neighbours_of,
    pair_commands,
    visit_commands,
    visit_of,
)

#: A connection that leaves a question unanswered for so long is given up, and the next question makes a new one.
STUCK_S = 5.0
_pack: Callable[[Command], bytes] = hiredis.pack_command  # type: ignore[assignment]  # typed as of one word


class RedisOnlineReader:
    """An `OnlineReader` of one event loop. The first question connects, and so does the first after a loss."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()

    async def actor(self, actor: str) -> ActorState:
        """Return all that is known of one actor, in one round trip."""
        return actor_of(await self._answers(actor_commands(actor)))

    async def visit(self, subject: str, browser: str) -> Visit:
        """Return all that is known of a subject and of the actor of its browser, in one round trip."""
        return visit_of(await self._answers(visit_commands(subject, browser)))

    async def pairs(self, clicked: Sequence[str], last: Sequence[str] = (), n: int = MAX_CO_CLICKED) -> Pairs:
        """Return co-clicks of the items `clicked` and next clicks of those clicked `last`, in one round trip."""
        co_clicks = pair_commands(co_key, clicked, n)
        commands = co_clicks + pair_commands(next_key, last, n)
        answers = await self._answers(commands) if commands else []
        cut = len(co_clicks)
        return Pairs(neighbours_of(clicked, answers[:cut]), neighbours_of(last, answers[cut:]))

    async def close(self) -> None:
        """Let go of the connection."""
        if self._connection:
            self._connection.give_up("closed")

    async def _answers(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        if connection is None or not connection.is_usable:
            connection = await self._connected()
        return await connection.ask(commands)

    async def _connected(self) -> _Connection:
        async with self._connecting:
            if self._connection is None or not self._connection.is_usable:
                self._connection = await _connect(self._settings)
            return self._connection


async def _connect(settings: RedisSettings) -> _Connection:
    loop, password = asyncio.get_running_loop(), settings.password.get_secret_value()
    try:
        peer = settings.endpoint
        # Reading certificates takes 20 ms, which no list that is being made meanwhile should wait for.
        context = await loop.run_in_executor(None, tls_context, settings) if peer.tls else None
        _, connection = await loop.create_connection(_Connection, peer.host, peer.port, ssl=context)
    except OSError as error:
        raise Unavailable(f"the online store cannot be reached: {error}; is Redis or Valkey up?") from error
    hello: Command = ("HELLO", 3, "AUTH", "default", password) if password else ("HELLO", 3)
    try:
        await connection.ask([hello, ("SELECT", settings.db)])
        if peer.home:
            await _refuse_anothers(connection, peer)
    except BaseException:
        connection.give_up("it did not let us in")
        raise
    return connection


async def _refuse_anothers(connection: _Connection, peer: Endpoint) -> None:
    try:
        (said,) = await connection.ask([("CONFIG", "GET", VALKEY_TITLE)])
    except Unavailable:  # a server of one's own may not let us look
        return
    if is_anothers(b"".join(said.values()).decode(), peer.home):
        raise Unavailable(f"the online store at {peer.address} {REFUSAL}")


class _Question(NamedTuple):
    answers: asyncio.Future[list[Any]]
    n: int
    asked_s: float


class _Connection(asyncio.Protocol):
    """Commands and answers over one transport."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._open: deque[_Question] = deque()
        self._read: list[Any] = []
        self._transport: asyncio.Transport | None = None

    @property
    def is_usable(self) -> bool:
        if self._open and self._loop.time() - self._open[0].asked_s > STUCK_S:
            self.give_up(f"no answer in {STUCK_S:.0f} s")
        return self._transport is not None

    def ask(self, commands: Sequence[Command]) -> asyncio.Future[list[Any]]:
        """Send commands; the future has their answers, or `Unavailable`."""
        question = _Question(self._loop.create_future(), len(commands), self._loop.time())
        if self._transport is None:
            question.answers.set_exception(Unavailable("the connection to the online store was lost"))
        else:
            self._open.append(question)
            self._transport.write(b"".join(map(_pack, commands)))
        return question.answers

    def give_up(self, why: str) -> None:
        if self._transport:
            self._transport.abort()
        self._lost(why)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's transport is a Transport

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                self._read.append(answer)
                if len(self._read) == self._open[0].n:
                    self._answer(self._open.popleft().answers, self._read)
                    self._read = []
        except hiredis.ProtocolError as error:
            self.give_up(f"it does not speak RESP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(str(exc or "the server closed it"))

    def _answer(self, future: asyncio.Future[list[Any]], answers: list[Any]) -> None:
        if future.done():  # whoever asked has given up waiting
            return
        error = next((answer for answer in answers if isinstance(answer, hiredis.ReplyError)), None)
        if error is None:
            future.set_result(answers)
        else:
            future.set_exception(Unavailable(f"the online store refused a read: {error}"))

    def _lost(self, why: str) -> None:
        self._transport = None
        while self._open:
            future = self._open.popleft().answers
            if not future.done():
                future.set_exception(Unavailable(f"the connection to the online store was lost: {why}"))
