"""What every online reader does: run in memory, on a real Valkey and a real Redis; then what a connection may meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from civicrec.accounting.progress import Commit
from civicrec.errors import Unavailable
from civicrec.items import hash_of
from civicrec.settings import RedisSettings
from profiles.online import redis_reader
from profiles.online.bounds import Bounds
from profiles.online.memory import MemoryOnlineReader, MemoryOnlineStore
from profiles.online.ports import ActorState, OnlineReader, OnlineUpdate, RecentItem, Visit
from profiles.online.redis_keys import co_key
from profiles.online.redis_reader import RedisOnlineReader
from profiles.online.redis_store import RedisOnlineStore
from tests.contracts.conftest import OnlineServer
from tests.online_stores import OnlineStore
from tests.running import free_ports
from tests.services.redis_server import SERVERS

ACTORS = [f"actor-{n}" for n in range(40)]
Pair = tuple[OnlineStore, Callable[[], OnlineReader]]


@pytest.fixture(params=["memory", *SERVERS])
def pair(request: pytest.FixtureRequest) -> Pair:
    """Return a store that knows forty actors and their items, and what makes its reader."""
    if request.param == "memory":
        memory = MemoryOnlineStore(min_actors=1)
        return filled(memory), lambda: MemoryOnlineReader(memory)
    settings, client = request.getfixturevalue(f"{request.param}_server")
    client.flushdb()
    return filled(RedisOnlineStore(client, Bounds(min_actors=1))), lambda: RedisOnlineReader(settings)


def filled(store: OnlineStore) -> OnlineStore:
    recent = {actor: [RecentItem(f"i{n}", 1_000 + n), RecentItem("东莞", 500)] for n, actor in enumerate(ACTORS)}
    co_clicks = {f"i{n}": {f"j{m}": {"a": float(m + 1)} for m in range(n + 1)} for n in range(len(ACTORS))}
    store.apply(Commit("log", 0, 1), OnlineUpdate(recent=recent, disliked={ACTORS[0]: {"bad": 1}}, co_clicks=co_clicks,
                                               next_clicks=co_clicks))  # fmt: skip
    store.put_tags("run", [(ACTORS[1], {"theme:住房": 0.5})])
    return store


def read(make: Callable[[], OnlineReader], asks: Callable[[OnlineReader], Awaitable[object]]) -> object:
    async def run() -> object:
        reader = make()
        try:
            return await asks(reader)
        finally:
            await reader.close()

    return asyncio.run(run())


def test_a_reader_says_what_the_store_says(pair: Pair) -> None:
    store, make = pair
    for actor in (*ACTORS[:3], "stranger"):
        assert read(make, lambda reader, actor=actor: reader.actor(actor)) == store.actor(actor)
    asked = ["i3", "unknown", "i39"]
    both = store.co_clicks(asked, 4), store.next_clicks(["i3", "i5"], 4)
    assert read(make, lambda reader: reader.pairs(asked, ["i3", "i5"], 4)) == both
    assert all(both)
    assert read(make, lambda reader: reader.pairs([], ["i3"])) == ({}, store.next_clicks(["i3"]))
    assert read(make, lambda reader: reader.pairs([])) == ({}, {})
    assert read(make, lambda reader: reader.pairs(asked, asked, 0)) == ({}, {})


def test_a_visit_is_what_is_known_of_subject_and_browser(pair: Pair) -> None:
    store, make = pair
    update = OnlineUpdate(
        recent={"s": [RecentItem("i", 9)]}, withdrawn={"s": 7, "b": 3}, signed_in={"b": {"x": 5}}, done={"b": {"k": 6}},
        shown={"b": {"i": [8]}},
    )  # fmt: skip
    store.apply(Commit("log", 1, 2), update)
    store.put_switched_off(["b"])
    asked = [("s", "b"), ("b", "s"), (ACTORS[1], ACTORS[0]), ("stranger", "stranger")]
    there, back, others, strangers = (read(make, lambda reader, one=one: reader.visit(*one)) for one in asked)
    assert there == Visit(store.actor("s"), store.actor("b"), 7)
    assert store.actor("b") == ActorState(done={"k": 6}, shown={hash_of("i"): (8,)}, signed_in={"x": 5}, is_off=True)
    assert back == Visit(store.actor("b"), store.actor("s"), 3)
    assert others == Visit(store.actor(ACTORS[1]), store.actor(ACTORS[0]), 0)
    assert store.actor(ACTORS[1]).tags
    assert strangers == Visit(ActorState(), ActorState(), 0)


def test_questions_asked_at_once_each_get_their_own_answer(pair: Pair) -> None:
    store, make = pair

    async def both(reader: OnlineReader, n: int) -> object:
        return await reader.actor(ACTORS[n]), await reader.pairs([f"i{n}"])

    told = read(make, lambda reader: asyncio.gather(*(both(reader, n) for n in range(len(ACTORS)))))
    assert told == [(store.actor(actor), (store.co_clicks([f"i{n}"]), {})) for n, actor in enumerate(ACTORS)]


def test_a_reader_of_nobody_is_unavailable() -> None:
    settings = RedisSettings(port=free_ports(1)[0])
    with pytest.raises(Unavailable, match="is Redis or Valkey up"):
        read(lambda: RedisOnlineReader(settings), lambda reader: reader.actor("a"))


def test_a_lost_connection_is_made_anew(server: OnlineServer) -> None:
    settings, client = server
    client.flushdb()
    known = filled(RedisOnlineStore(client, Bounds(min_actors=1))).actor(ACTORS[0])

    async def asks(reader: OnlineReader) -> None:
        assert await reader.actor(ACTORS[0]) == known
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await asyncio.sleep(0.1)
        assert await reader.actor(ACTORS[0]) == known

    read(lambda: RedisOnlineReader(settings), asks)


def test_a_question_nobody_waits_for_any_more_takes_no_answer_from_the_next(
    server: OnlineServer,
) -> None:
    settings, client = server
    client.flushdb()
    store = filled(RedisOnlineStore(client, Bounds(min_actors=1)))

    async def asks(reader: OnlineReader) -> None:
        await reader.actor("a")
        client.client_pause(200)  # ms; nobody is answered
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.actor(ACTORS[0]), 0.02)
        assert await reader.actor(ACTORS[1]) == store.actor(ACTORS[1])

    read(lambda: RedisOnlineReader(settings), asks)


def test_a_refused_question_is_unavailable_and_takes_no_answer_from_the_next(
    server: OnlineServer,
) -> None:
    settings, client = server
    client.flushdb()
    store = filled(RedisOnlineStore(client, Bounds(min_actors=1)))
    client.set(co_key("broken"), "not a sorted set")

    async def asks(reader: OnlineReader) -> None:
        refused, answered = await asyncio.gather(
            reader.pairs(["broken", "i1"], ["i2"]), reader.actor(ACTORS[1]), return_exceptions=True
        )
        assert isinstance(refused, Unavailable)
        assert "WRONGTYPE" in str(refused)
        assert answered == store.actor(ACTORS[1])

    read(lambda: RedisOnlineReader(settings), asks)


def test_the_password_and_the_number_of_the_database_are_used(server: OnlineServer) -> None:
    settings, client = server
    client.flushdb()
    filled(RedisOnlineStore(client, Bounds(min_actors=1)))
    elsewhere = settings.model_copy(update={"db": 3})
    assert read(lambda: RedisOnlineReader(elsewhere), lambda reader: reader.actor(ACTORS[0])) == ActorState()
    right, wrong = (
        settings.model_copy(update={"password": SecretStr(text)}) for text in ("open sesame", "open barley")
    )
    client.config_set("requirepass", "open sesame")
    try:
        assert read(lambda: RedisOnlineReader(right), lambda reader: reader.actor(ACTORS[0])) != ActorState()
        for refused in (wrong, settings):
            with pytest.raises(Unavailable, match="refused"):
                read(lambda refused=refused: RedisOnlineReader(refused), lambda reader: reader.actor(ACTORS[0]))
    finally:
        client.config_set("requirepass", "")


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[RedisSettings, list[asyncio.StreamWriter]]]:
    """Run a server that lets everybody in and then says no more; yield its address and those it let in."""
    met: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        await reader.read(1_000)
        writer.write(b"%0\r\n+OK\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield RedisSettings(port=server.sockets[0].getsockname()[1]), met


def test_a_question_open_when_the_connection_goes_is_unavailable() -> None:
    async def run() -> None:
        async with silent_server() as (settings, met):
            reader = RedisOnlineReader(settings)
            question = asyncio.ensure_future(reader.actor("a"))
            await asyncio.sleep(0.1)
            met[0].close()
            with pytest.raises(Unavailable, match="lost"):
                await question
            await reader.close()

    asyncio.run(run())


def test_a_connection_that_stays_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_reader, "STUCK_S", 0.05)

    async def run() -> None:
        async with silent_server() as (settings, met):
            reader = RedisOnlineReader(settings)
            questions = [asyncio.ensure_future(reader.actor("a"))]
            await asyncio.sleep(0.1)
            assert not questions[0].done()
            questions.append(asyncio.ensure_future(reader.actor("a")))
            await asyncio.sleep(0.1)
            assert len(met) == 2
            await reader.close()
            told = await asyncio.gather(*questions, return_exceptions=True)
            assert [type(one) for one in told] == [Unavailable, Unavailable]
            assert "no answer in" in str(told[0])
            assert "closed" in str(told[1])

    asyncio.run(run())
