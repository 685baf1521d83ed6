"""Who was signed in on a browser, in memory, on a real Valkey and on a real Redis."""

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from civicrec.accounting.progress import Commit
from profiles.online.bounds import Bounds
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import MAX_SIGNED_IN, SIGNED_IN_TTL_DAYS, ActorState, OnlineUpdate, RecentItem
from profiles.online.redis_keys import signed_in_key
from profiles.online.redis_store import RedisOnlineStore
from tests.contracts.conftest import OnlineServer
from tests.online_stores import OnlineStore

AT = 1_764_000_000_000


@pytest.fixture(scope="module")
def client(server: OnlineServer) -> Redis:
    return server[1]


def test_of_each_subject_the_latest_time_is_kept_and_of_many_subjects_the_latest(store: OnlineStore) -> None:
    for n, times in enumerate(({"s1": 5, "": 2}, {"s1": 3, "": 9}, {f"x{k}": 10 + k for k in range(3)})):
        store.apply(Commit("log", n, n + 1), OnlineUpdate(signed_in={"b": times}))
    assert store.actor("b").signed_in == {"": 9, "s1": 5, "x0": 10, "x1": 11, "x2": 12}
    store.apply(Commit("log", 3, 4), OnlineUpdate(signed_in={"b": {"x3": 6, "old": 1}}))
    assert store.actor("b").signed_in == {"": 9, "x3": 6, "x0": 10, "x1": 11, "x2": 12}
    assert not store.apply(Commit("log", 0, 1), OnlineUpdate(signed_in={"b": {"s1": 99}}))
    assert "s1" not in store.actor("b").signed_in


def test_consent_withdrawn_ends_what_was_until_then_and_an_erasure_all(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 1), OnlineUpdate(signed_in={name: {"s": AT, "t": AT + 9} for name in "ab"}))
    store.withdraw("a", AT)
    assert store.actor("a").signed_in == {"t": AT + 9}
    store.apply(Commit("log", 1, 2), OnlineUpdate(withdrawn={"b": AT + 9}, signed_in={"b": {"u": AT + 10}}))
    assert store.actor("b").signed_in == {"u": AT + 10}
    assert (store.forget("b"), store.actor("b")) == (2, ActorState())  # the withdrawal, too
    store.clear()
    assert store.actor("a") == ActorState()


_marks = st.lists(
    st.tuples(st.sampled_from(["", *(f"s{n}" for n in range(MAX_SIGNED_IN + 3))]), st.integers(0, 9)), max_size=5
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(marks=_marks, before=_marks)
def test_it_is_the_same_in_whatever_order_events_come(
    client: Redis, marks: list[tuple[str, int]], before: list[tuple[str, int]]
) -> None:
    latest: dict[str, int] = {}
    for name, at in (*before, *marks):
        latest[name] = max(at, latest.get(name, 0))
    ranked = sorted(latest, key=lambda name: (latest[name], name), reverse=True)[:MAX_SIGNED_IN]
    expected = {name: latest[name] for name in ranked}
    for order in permutations(marks):
        memory = MemoryOnlineStore()
        for n, (name, at) in enumerate((*order, *before)):
            memory.apply(Commit("log", n, n + 1), OnlineUpdate(signed_in={"b": {name: at}}))
        assert memory.actor("b").signed_in == expected
    for order in (marks, marks[::-1]):
        client.flushdb()
        redis = RedisOnlineStore(client)
        for n, (name, at) in enumerate((*order, *before)):
            redis.apply(Commit("log", n, n + 1), OnlineUpdate(signed_in={"b": {name: at}}))
        assert redis.actor("b").signed_in == expected


def test_it_expires_takes_little_and_goes_with_its_actor(client: Redis) -> None:
    client.flushdb()
    store = RedisOnlineStore(client, Bounds(actors=1))
    many = {f"{n:08x}": AT + n for n in range(MAX_SIGNED_IN)}
    store.apply(Commit("log", 0, 1), OnlineUpdate(signed_in={"b": many}))
    assert (SIGNED_IN_TTL_DAYS - 1) * 86_400 < client.ttl(signed_in_key("b")) <= SIGNED_IN_TTL_DAYS * 86_400
    assert client.memory_usage(signed_in_key("b")) < 250
    store.apply(Commit("log", 1, 2), OnlineUpdate(recent={"c": [RecentItem("i", AT), RecentItem("j", AT)]}))
    assert not client.exists(signed_in_key("b"))
