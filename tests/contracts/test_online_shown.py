"""What was shown to an actor, in memory, on a real Valkey and on a real Redis."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from civicrec.accounting.progress import Commit
from civicrec.items import hash_of
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import MAX_SHOWINGS, MAX_SHOWN, SHOWN_TTL_DAYS, ActorState, Known, OnlineUpdate
from profiles.online.redis_keys import shown_key
from profiles.online.redis_store import RedisOnlineStore
from tests.contracts.conftest import OnlineServer
from tests.online_stores import OnlineStore

AT = 1_764_000_000_000


@pytest.fixture(scope="module")
def client(server: OnlineServer) -> Redis:
    return server[1]


def test_of_what_was_shown_the_latest_times_are_kept_each_once(store: OnlineStore) -> None:
    for n, times in enumerate(([5], [9, 3], [9, 7, 5], [8, 2, 4, 6])):
        store.apply(Commit("log", n, n + 1), OnlineUpdate(shown={"a": {"x": times}, "b": {f"y{n}": [n]}}))
    assert store.actor("a").shown == {hash_of("x"): (9, 8, 7, 6, 5, 4)}
    assert store.actor("b").shown == {hash_of(f"y{n}"): (n,) for n in range(4)}
    assert not store.apply(Commit("log", 0, 1), OnlineUpdate(shown={"a": {"x": [99]}}))
    assert store.actor("a").shown == {hash_of("x"): (9, 8, 7, 6, 5, 4)}
    assert store.known_of(["a"], ["b"]) == Known({}, {})


_showings = st.dictionaries(
    st.sampled_from("ab"),
    st.dictionaries(
        st.integers(0, MAX_SHOWN + 9).map("i{}".format),
        st.sets(st.integers(1, 2**32 - 1) | st.integers(1, 9), min_size=1),
        min_size=1, max_size=40,
    ),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(updates=st.lists(_showings, max_size=8), seed=st.integers(0, 99))
def test_the_servers_keep_of_what_was_shown_what_the_one_in_memory_keeps(
    client: Redis, updates: list[dict[str, dict[str, set[int]]]], seed: int
) -> None:
    client.flushdb()
    stores = MemoryOnlineStore(), RedisOnlineStore(client)
    flood = {"a": {f"i{n}": {1 + (n * 7 + seed) % 50} for n in range(MAX_SHOWN - 3)}}
    for n, shown in enumerate([flood, *updates]):
        for one in stores:
            one.apply(Commit("log", n, n + 1), OnlineUpdate(shown=shown))
    for actor in "ab":
        in_memory, on_server = (one.actor(actor).shown for one in stores)
        assert on_server == in_memory
        assert len(on_server) <= MAX_SHOWN
        assert all(len(times) <= MAX_SHOWINGS for times in on_server.values())


def test_what_was_shown_is_packed_expires_and_is_one_key(client: Redis) -> None:
    client.flushdb()
    store = RedisOnlineStore(client)
    for n in range(MAX_SHOWINGS):
        items = {f"item-{k}": [2**31 + n] for k in range(MAX_SHOWN)}
        store.apply(Commit("log", n, n + 1), OnlineUpdate(shown={"a": items}))
    assert client.object("encoding", shown_key("a")) == b"listpack"
    assert client.memory_usage(shown_key("a")) < 6_000
    assert (SHOWN_TTL_DAYS - 1) * 86_400 < client.ttl(shown_key("a")) <= SHOWN_TTL_DAYS * 86_400
    assert store.forget("a") == 1


def test_consent_withdrawn_ends_what_was_shown(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 1), OnlineUpdate(shown={name: {"x": [1]} for name in "abc"}))
    store.withdraw("a", AT)
    store.apply(Commit("log", 1, 2), OnlineUpdate(withdrawn={"b": AT}, shown={"b": {"y": [AT // 1000 + 1]}}))
    assert [store.actor(name).shown for name in "abc"] == [{}, {hash_of("y"): (AT // 1000 + 1,)}, {hash_of("x"): (1,)}]
    assert store.known_of([], ["a", "b", "c"]) == Known({}, {"a": AT, "b": AT})
    store.clear()
    assert store.actor("c") == ActorState()
