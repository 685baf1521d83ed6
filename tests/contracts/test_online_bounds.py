"""What a store holds has bounds, whatever is sent: in entries and, when it is full all the same, in memory."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from civicrec.accounting.progress import Commit, CommittedProgress, Partition
from civicrec.clock import to_ms, utc_now
from civicrec.errors import Unavailable
from civicrec.settings import RedisSettings
from profiles.online.bounds import LATE_SHARE, MAX_HOURS, Bounds, bounds_of
from profiles.online.ports import MAX_COUNTED, MAX_TREND_ITEMS, OnlineUpdate, RecentItem
from profiles.online.redis_keys import HELD_ACTORS, SHED_KEY, counted_key, recent_key, trend_key
from profiles.online.redis_store import RedisOnlineStore
from tests.contracts.conftest import OnlineServer

NOW_MS = to_ms(utc_now())
DAY_MS = 86_400_000
_marks = iter(range(1, 10_000_000))


@pytest.fixture
def client(server: OnlineServer) -> Redis:
    server[1].flushdb()
    return server[1]


def add(store: RedisOnlineStore, update: OnlineUpdate) -> None:
    n = next(_marks)
    assert store.apply(Commit("log", n - 1, n), update)


def clicks(store: RedisOnlineStore, actor: str, n: int, at_ms: int = NOW_MS) -> None:
    add(store, OnlineUpdate(recent={actor: [RecentItem(f"i{number}", at_ms) for number in range(n)]}))


def shed(client: Redis, kind: str = "actors") -> int:
    return int(client.hget(SHED_KEY, kind) or 0)


def test_a_flood_of_one_click_ids_pushes_out_nobody_who_comes_again(client: Redis) -> None:
    store = RedisOnlineStore(client, Bounds(actors=50))
    visitors = {f"visitor-{n}": RecentItem(f"i{n}", NOW_MS - 29 * DAY_MS) for n in range(20)}
    for actor, item in visitors.items():
        add(
            store,
            OnlineUpdate(
                recent={actor: [item, RecentItem("another", item.at_ms)]}, disliked={actor: {"no": item.at_ms}}
            ),
        )
    for n in range(300):
        clicks(store, f"flood-{n}", 1, NOW_MS + 1_000 * n)
    assert client.zcard(HELD_ACTORS) == 50
    assert all(len(store.actor(actor).recent) == 2 and store.actor(actor).disliked for actor in visitors)
    assert len(store.known_of([f"flood-{n}" for n in range(270, 300)]).recent) == 30  # the newest of the others
    assert shed(client) == 20 + 300 - 50
    assert sum(1 for _ in client.scan_iter(match="recent:*")) == 50


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(interactions=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5), st.integers(0, 29)), max_size=60))
def test_whoever_interacted_with_several_items_is_held_before_whoever_interacted_with_one(
    client: Redis, interactions: list[tuple[int, int, int]]
) -> None:
    client.flushdb()
    store = RedisOnlineStore(client, Bounds(actors=8))
    for who, n_items, days_ago in interactions:
        clicks(store, f"a{who}", n_items, NOW_MS - days_ago * DAY_MS)
        held = {actor.decode() for actor in client.zrange(HELD_ACTORS, 0, -1)}
        assert held == {key.decode().removeprefix("recent:") for key in client.scan_iter(match="recent:*")}
        assert len(held) <= 8
    n_shed = shed(client)
    assert (
        len({who for who, _, _ in interactions})
        <= len(store.known_of([f"a{who}" for who in range(31)]).recent) + n_shed
    )
    held_now = store.known_of([f"a{who}" for who in range(31)]).recent
    if len(held_now) == 8 and any(len(items) == 1 for items in held_now.values()):
        add(store, OnlineUpdate(recent={"regular": [RecentItem("x", NOW_MS - 29 * DAY_MS), RecentItem("y", NOW_MS)]}))
        assert store.known_of(["regular"]).recent


def test_who_was_only_shown_something_goes_before_who_clicked(client: Redis) -> None:
    store = RedisOnlineStore(client, Bounds(actors=10))
    for n in range(5):
        clicks(store, f"clicked-{n}", 1, NOW_MS - 20 * DAY_MS)
    for n in range(30):
        add(store, OnlineUpdate(shown={f"passed-by-{n}": {"i": [NOW_MS // 1000 + n]}}))
    assert all(store.actor(f"clicked-{n}").recent for n in range(5))
    assert [n for n in range(30) if store.actor(f"passed-by-{n}").shown] == list(range(25, 30))
    clicks(store, "passed-by-25", 1)
    assert store.actor("passed-by-25").shown
    assert store.actor("passed-by-25").recent
    assert sum(1 for _ in client.scan_iter(match="shown:*")) == 5


def test_whoever_is_shed_leaves_nothing(client: Redis) -> None:
    store = RedisOnlineStore(client, Bounds(actors=1))
    add(store, OnlineUpdate(recent={"old": [RecentItem("i", NOW_MS - DAY_MS)]}, shown={"old": {"i": [NOW_MS // 1000]}}))
    store.put_tags("run", [("old", {"tag": 1.0})])
    clicks(store, "new", 2)
    assert sorted(key for key in client.scan_iter() if b"old" in key) == []
    assert store.forget("new") == 2  # recent items, and that they were seen
    assert client.zcard(HELD_ACTORS) == 0


def test_tags_go_to_whoever_is_held_and_to_others_up_to_the_bound(client: Redis) -> None:
    store = RedisOnlineStore(client, Bounds(actors=5))
    for n in range(3):
        clicks(store, f"here-{n}", 1)
    tags = {"tag": 1.0}
    assert store.put_tags("run", [(f"away-{n}", tags) for n in range(9)] + [(f"here-{n}", tags) for n in range(3)]) == 5
    assert [bool(store.actor(f"here-{n}").tags) for n in range(3)] == [True] * 3
    assert sum(bool(store.actor(f"away-{n}").tags) for n in range(9)) == 2
    assert shed(client, "tags") == 7
    clicks(store, "now-here", 1)  # before whoever has tags only
    assert sum(bool(store.actor(f"away-{n}").tags) for n in range(9)) == 1


def test_items_with_neighbours_and_hours_have_bounds(client: Redis) -> None:
    store = RedisOnlineStore(client, Bounds(co_items=10, counted=40, min_actors=2))
    for n in range(30):
        pairs = {f"i{n}": {"other": {"a": 1.0, "b": 1.0}}}
        add(store, OnlineUpdate(co_clicks=pairs, next_clicks=pairs))
    assert sum(1 for _ in client.scan_iter(match="co:*")) == sum(1 for _ in client.scan_iter(match="next:*")) == 10
    assert shed(client, "co") == 20
    newest = NOW_MS // 3_600_000
    for ago in range(700):
        pairs = {f"v{n}": 1.0 for n in range(60)}
        add(store, OnlineUpdate(interests={newest - ago: {"item": pairs}}))
    hours = {int(key.split(b":")[1]) for key in client.scan_iter(match="trend:*")}
    assert hours == {newest - ago for ago in range(MAX_HOURS)}
    sizes = {hour: client.hlen(counted_key(hour)) for hour in hours}
    assert [sizes[newest - ago] for ago in range(4)] == [40] * 4
    assert max(sizes[newest - ago] for ago in range(4, MAX_HOURS)) <= 40 // LATE_SHARE
    assert store.trends([newest - 50]) == {newest - 50: {"item": 60.0}}
    assert not client.exists(trend_key(newest - 500))


@pytest.fixture
def brim(client: Redis) -> Iterator[Redis]:
    """Give a server that has two megabytes left."""
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 2 * 2**20)
    yield client
    client.config_set("maxmemory", 64 * 2**20)


def test_a_full_store_sheds_and_goes_on(brim: Redis) -> None:
    store = RedisOnlineStore(brim)
    clicks(store, "regular", 9, NOW_MS - 20 * DAY_MS)
    for _ in range(60):
        add(store, OnlineUpdate(recent={os.urandom(12).hex(): [RecentItem("i", NOW_MS)] for _ in range(300)}))
    assert shed(brim) > 0
    assert len(store.known_of(["regular"]).recent["regular"]) == 9
    assert store.put_tags("run", [(f"reader-{n}", {"tag": 1.0}) for n in range(20_000)]) == 20_000
    store.set_complete(True)
    assert store.is_complete()


def test_a_full_store_with_nothing_to_shed_says_so_and_has_taken_nothing(brim: Redis) -> None:
    brim.config_set("maxmemory", 1)
    store = RedisOnlineStore(brim)
    with pytest.raises(Unavailable, match="maxmemory"):
        store.apply(Commit("brim", 0, 1, Partition(), 3), OnlineUpdate(recent={"a": [RecentItem("i", NOW_MS)]}))
    assert (store.progress("brim"), brim.exists(recent_key("a"))) == (CommittedProgress(), 0)


@pytest.mark.parametrize("memory_mb", [16, 64, 512, 4_096])
def test_bounds_follow_the_memory(memory_mb: int) -> None:
    bounds = bounds_of(RedisSettings(max_memory_mb=memory_mb))
    # What an entry takes was measured: `profiles.online.bounds`.
    hours = MAX_HOURS * bounds.trend_items * 100 + (4 + MAX_HOURS / LATE_SHARE) * bounds.counted * 90
    assert bounds.actors * 512 + bounds.co_items * 4_096 + hours <= 0.9 * memory_mb * 2**20
    assert min(bounds.actors, bounds.co_items, bounds.trend_items, bounds.counted) > 200
    assert (bounds.trend_items, bounds.counted) <= (MAX_TREND_ITEMS, MAX_COUNTED)
    assert bounds_of(RedisSettings(max_memory_mb=memory_mb, max_actors=7)).actors == 7
