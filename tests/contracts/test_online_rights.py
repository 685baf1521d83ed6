"""What a person may see, say and take back: in memory, on a real Valkey and Redis, beside the log's own events."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from civicrec.accounting.progress import Commit
from civicrec.items import hash_of
from profiles.online.bounds import Bounds
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import MAX_DISLIKED, ActorState, OnlineUpdate, RecentItem
from profiles.online.pseudonyms import digest_of, pair_of
from profiles.online.redis_keys import disliked_key
from profiles.online.redis_store import RedisOnlineStore
from tests.contracts.conftest import OnlineServer
from tests.online_stores import OnlineStore

AT = 490_000 * 3_600_000
ACTOR = "visitor-0123456789abcdef"


@pytest.fixture(scope="module")
def client(server: OnlineServer) -> Redis:
    return server[1]


def test_a_dislike_acts_at_once_and_is_no_record_of_any_log(store: OnlineStore) -> None:
    for _ in range(2):  # said twice
        store.dislike("a", "x", AT)
    store.dislike("a", "y", AT + 1)
    assert store.actor("a") == ActorState(disliked={"x": AT, "y": AT + 1})
    assert store.actor("b") == ActorState()
    store.undislike("a", "x")
    store.undislike("a", "never-refused")
    store.undislike("nobody", "x")
    assert store.actor("a").disliked.keys() == {"y"}
    assert store.done() == {}


def test_of_too_many_dislikes_the_latest_are_kept_whichever_way_they_came(store: OnlineStore) -> None:
    for n in range(MAX_DISLIKED):
        store.dislike("a", f"said-{n}", AT + 2 * n)
    told = {f"told-{n}": AT + 2 * n + 1 for n in range(MAX_DISLIKED)}
    store.apply(Commit("log", 7, 8), OnlineUpdate(disliked={"a": told}))
    half = range(MAX_DISLIKED // 2, MAX_DISLIKED)
    assert store.actor("a").disliked.keys() == {f"{way}-{n}" for way in ("said", "told") for n in half}
    store.apply(Commit("log", 8, 9), OnlineUpdate(disliked={"a": {"late": AT}}))
    assert "late" not in store.actor("a").disliked


def test_the_event_of_a_dislike_that_acts_already_changes_nothing(store: OnlineStore) -> None:
    store.dislike("a", "x", AT)
    store.dislike("a", "x", AT + 5)
    store.apply(Commit("log", 0, 1), OnlineUpdate(disliked={"a": {"x": AT}}))
    for n in range(MAX_DISLIKED):  # of the time between: x was said last, so it stays
        store.dislike("a", f"i{n}", AT + 4)
    assert "x" in store.actor("a").disliked
    assert len(store.actor("a").disliked) == MAX_DISLIKED


def test_what_is_taken_back_and_said_again_in_one_update_holds_by_its_new_time(store: OnlineStore) -> None:
    store.dislike("a", "x", AT + 9)
    store.apply(Commit("log", 0, 1), OnlineUpdate(disliked={"a": {"x": AT}}, restored={"a": ["x"]}))
    assert store.actor("a").disliked.keys() == {"x"}
    for n in range(MAX_DISLIKED):
        store.dislike("a", f"i{n}", AT + 1)
    assert "x" not in store.actor("a").disliked


def test_consent_withdrawn_at_once_is_what_the_log_says_of_it(store: OnlineStore) -> None:
    for actor in ("a", "b"):
        store.apply(
            Commit(actor, 0, 1),
            OnlineUpdate(recent={actor: [RecentItem("i", AT), RecentItem("j", AT + 9)]}, disliked={actor: {"x": AT}}),
        )
    store.put_tags("run", [("a", {"t": 1.0}), ("b", {"t": 1.0})])
    for at_ms in (AT + 5, AT):  # the second comes late
        store.withdraw("a", at_ms)
    store.apply(Commit("b", 1, 2), OnlineUpdate(withdrawn={"b": AT + 5}))
    expected = ActorState(recent=(RecentItem("j", AT + 9),), seen=(hash_of("j"),))
    assert store.actor("a") == store.actor("b") == expected
    assert store.known_of(["a", "b"]).withdrawn == {"a": AT + 5, "b": AT + 5}


def everything_in(store: OnlineStore) -> str:
    """Return all that a store holds, keys and values, as text."""
    if isinstance(store, MemoryOnlineStore):
        return repr(vars(store))
    assert isinstance(store, RedisOnlineStore)
    return repr(list(_held(store._client)))


def _held(client: Redis) -> Iterator[tuple[bytes, Any]]:
    read = {
        b"string": client.get, b"hash": client.hgetall, b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }  # fmt: skip
    for key in client.scan_iter():
        yield key, read[client.type(key)](key)


def test_nothing_in_the_store_names_an_actor_who_is_forgotten(store: OnlineStore) -> None:
    update = OnlineUpdate(
        recent={ACTOR: [RecentItem("i", AT)], "other": [RecentItem("i", AT)]}, disliked={ACTOR: {"x": AT}},
        interests={AT // 3_600_000: {"i": {ACTOR: 1.0, "other": 1.0}}},
        co_clicks={"i": {"j": {ACTOR: 0.5}}, "j": {"i": {ACTOR: 0.5}}}, withdrawn={ACTOR: AT - 9},
    )  # fmt: skip
    store.apply(Commit("log", 0, 1), update)
    store.put_tags("run", [(ACTOR, {"t": 1.0})])
    store.dislike(ACTOR, "y", AT)
    store.withdraw(ACTOR, AT - 5)
    store.put_tags("run", [(ACTOR, {"t": 1.0})])
    store.dislike(ACTOR, "z", AT)
    store.switch(ACTOR, on=False)
    assert ACTOR in everything_in(store)
    assert store.holds(ACTOR) == 6
    assert store.forget(ACTOR) == 6  # recent items, what was seen, dislikes, tags, withdrawal, the switch
    assert ACTOR not in everything_in(store)
    assert store.actor("other").recent
    assert store.forget(ACTOR) == store.holds(ACTOR) == 0
    assert store.holds("other") == 2
    store.rewrite()
    assert store.actor("other").recent


def test_the_few_of_whom_no_crowd_is_told_are_in_no_readable_form_either(client: Redis) -> None:
    client.flushdb()
    for store in (MemoryOnlineStore(min_actors=5), RedisOnlineStore(client, Bounds(min_actors=5))):
        store.apply(
            Commit("log", 0, 1),
            OnlineUpdate(interests={AT // 3_600_000: {"i": {ACTOR: 1.0}}}, co_clicks={"i": {"j": {ACTOR: 0.5}}}),
        )
        assert ACTOR not in everything_in(store)


def test_actors_who_only_dislike_are_bounded_and_expire_like_all_others(client: Redis) -> None:
    client.flushdb()
    store = RedisOnlineStore(client, Bounds(actors=10))
    for n in range(30):
        store.dislike(f"flood-{n}", "x", AT)
        assert client.zcard("held:actors") <= 10
    assert len(client.keys("disliked:*")) == 10
    assert store.state().shed == {"actors": 20}
    assert all(client.ttl(key) > 0 for key in client.keys("disliked:*"))
    store.withdraw("one-more", AT)
    assert client.ttl("withdrawn:one-more") > 0
    assert client.zcard("held:actors") == 10


def test_who_switched_off_is_known_until_they_switch_on_again(store: OnlineStore) -> None:
    store.put_tags("run", [("a", {"t": 1.0})])
    for _ in range(2):
        store.switch("a", on=False)
    assert store.actor("a") == ActorState(tags={"t": 1.0}, is_off=True)
    assert not store.actor("b").is_off
    store.withdraw("a", AT)  # another matter
    assert store.actor("a").is_off
    store.switch("a", on=True)
    store.switch("b", on=True)
    assert store.actor("a") == store.actor("b") == ActorState()


def test_who_switched_off_outlives_a_rebuild_and_is_replaced_as_a_whole(store: OnlineStore) -> None:
    store.switch("a", on=False)
    store.clear()
    assert store.actor("a").is_off
    many = {f"subject-{n}" for n in range(2_500)}
    store.put_switched_off(many)
    assert [store.actor(actor).is_off for actor in ("a", "subject-0", "subject-2499")] == [False, True, True]
    store.put_switched_off(())
    assert not store.actor("subject-0").is_off


def test_a_bound_sheds_nobody_who_switched_off(client: Redis) -> None:
    client.flushdb()
    store = RedisOnlineStore(client, Bounds(actors=2))
    store.switch("quiet", on=False)
    for n in range(9):
        store.dislike(f"flood-{n}", "x", AT)
    assert store.actor("quiet").is_off


def test_one_tag_is_given_or_taken_and_the_others_stay(store: OnlineStore) -> None:
    store.set_tag("a", "theme:住房", 1.5)
    store.set_tag("a", "theme:教育", 0.123456789)
    store.set_tag("a", "theme:住房", 0)
    store.set_tag("b", "theme:住房", 0)
    assert store.actor("a") == ActorState(tags={"theme:教育": 0.123456789}, deleted_tags=frozenset({"theme:住房"}))
    assert store.actor("b") == ActorState(deleted_tags=frozenset({"theme:住房"}))
    store.set_tag("a", "theme:住房", 1.0)
    assert not store.actor("a").deleted_tags
    store.put_tags("run", [("a", {"theme:就业创业": 2.0})])
    store.set_tag("a", "theme:教育", 1.0)
    assert store.actor("a").tags == {"theme:就业创业": 2.0, "theme:教育": 1.0}


def test_a_deleted_tag_stays_known_when_consent_is_withdrawn_and_whatever_is_read(store: OnlineStore) -> None:
    store.put_tags("run", [("a", {"theme:住房": 0.0, "theme:教育": 1.5, "theme:婚姻": 0.0})])
    deleted = frozenset({"theme:住房", "theme:婚姻"})
    assert store.actor("a") == ActorState(tags={"theme:教育": 1.5}, deleted_tags=deleted)
    store.apply(Commit("log", 0, 1), OnlineUpdate(recent={"a": [RecentItem("i", AT)]}))
    assert (store.actor("a").tags, store.actor("a").deleted_tags) == ({"theme:教育": 1.5}, deleted)
    for _ in range(2):
        store.withdraw("a", AT)
        assert store.actor("a") == ActorState(deleted_tags=deleted)
    store.apply(Commit("log", 1, 2), OnlineUpdate(withdrawn={"a": AT + 5}))
    store.set_tag("a", "theme:教育", 1.0)
    assert store.actor("a") == ActorState(tags={"theme:教育": 1.0}, deleted_tags=deleted)
    store.forget("a")
    assert store.actor("a") == ActorState()


def test_what_is_left_of_tags_after_a_withdrawal_expires_as_before(client: Redis) -> None:
    client.flushdb()
    store = RedisOnlineStore(client)
    store.put_tags("run", [("a", {"theme:住房": 0.0, "theme:教育": 1.5}), ("b", {"theme:教育": 1.5})])
    client.expire("tags:a", 77)
    for actor in "ab":
        store.withdraw(actor, AT)
    assert 0 < client.ttl("tags:a") <= 77
    assert not client.exists("tags:b")


def test_tags_that_are_given_are_bounded_and_expire_like_all_others(client: Redis) -> None:
    client.flushdb()
    store = RedisOnlineStore(client, Bounds(actors=3))
    for n in range(9):
        store.set_tag(f"subject-{n}", "theme:住房", 1.0)
    keys = client.keys("tags:*")
    assert 0 < len(keys) <= 3
    assert all(client.ttl(key) > 0 for key in keys)


_people, _items, _times = st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(1, 9)
_said = st.one_of(
    st.tuples(st.just("dislike"), _people, _items, _times),
    st.tuples(st.just("undislike"), _people, _items),
    st.tuples(st.just("withdraw"), _people, _times),
    st.tuples(st.just("forget"), _people),
    st.tuples(st.just("set_tag"), _people, _items, st.sampled_from((0.0, 0.5, 2.0))),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(_said, max_size=12))
def test_redis_takes_what_people_say_exactly_as_memory_does(client: Redis, said: list[tuple[Any, ...]]) -> None:
    client.flushdb()
    redis, memory = RedisOnlineStore(client), MemoryOnlineStore()
    for name, *rest in said:
        assert getattr(redis, name)(*rest) == getattr(memory, name)(*rest)
    for actor in "ab":
        assert redis.actor(actor) == memory.actor(actor)
        scores = client.zrange(disliked_key(actor), 0, -1, withscores=True)
        assert {name.decode(): int(at) for name, at in scores} == memory._disliked.get(actor, {})
    assert redis.known_of("ab") == memory.known_of("ab")


def test_who_is_forgotten_counts_no_longer_among_few(valkey_server: OnlineServer) -> None:
    hour, client = AT // 3_600_000, valkey_server[1]
    client.flushdb()
    for few in (MemoryOnlineStore(min_actors=2), RedisOnlineStore(client, Bounds(min_actors=2))):
        for n, actor in enumerate((ACTOR, "second")):
            update = OnlineUpdate(
                recent={actor: [RecentItem("i", AT)]}, interests={hour: {"i": {actor: 1.0}}},
                co_clicks={"i": {"j": {actor: 1.0}}}, next_clicks={"i": {"j": {actor: 1.0}}},
            )  # fmt: skip
            few.apply(Commit("log", n, n + 1), update)
            if actor == ACTOR:
                few.forget(ACTOR)
                if isinstance(few, RedisOnlineStore):
                    assert digest_of(ACTOR) not in everything_in(few)
                    assert pair_of(ACTOR, "i") not in everything_in(few)
        assert few.crowded(0) == frozenset()  # of two people one is there
        assert few.co_clicks(["i"]) == {}
