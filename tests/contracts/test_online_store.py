"""What every online store does: run in memory, on a real Valkey and on a real Redis."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from civicrec.accounting.progress import (
    Commit,
    CommittedProgress,
    Partition,
    commits_of,
    fields_of_progress,
    progress_of,
)
from civicrec.clients import redis_client
from civicrec.errors import Unavailable
from civicrec.items import hash_of
from civicrec.settings import RedisSettings
from profiles.online.bounds import Bounds
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import (
    COUNTED_TTL_HOURS,
    CROWD_HOURS,
    MAX_CO_CLICKED,
    MAX_DISLIKED,
    MAX_DONE,
    MAX_FEW,
    MAX_NEXT_CLICKED,
    MAX_RECENT,
    MAX_SEEN,
    ActorState,
    Incomplete,
    Known,
    OnlineUpdate,
    RecentItem,
)
from profiles.online.redis_keys import co_key, counted_key, few_key
from profiles.online.redis_store import RedisOnlineStore
from tests.contracts.conftest import OnlineServer
from tests.online_stores import OnlineStore
from tests.running import free_ports
from tests.services.redis_server import SERVERS

HOUR = 490_000
AT = HOUR * 3_600_000


@pytest.fixture(scope="module")
def client(server: OnlineServer) -> Redis:
    return server[1]


def an_update(actor: str = "a", item: str = "i1", at_ms: int = AT) -> OnlineUpdate:
    return OnlineUpdate(
        recent={actor: [RecentItem(item, at_ms)]},
        disliked={actor: {f"not-{item}": at_ms}},
        interests={at_ms // 3_600_000: {item: {actor: 1.0}}},
        co_clicks={item: {"other": {actor: 0.5}}, "other": {item: {actor: 0.5}}},
        next_clicks={item: {"after": {actor: 0.25}}},
    )


def test_a_store_is_complete_only_once_that_is_said_and_until_it_is_cleared(store: OnlineStore) -> None:
    assert not store.is_complete()
    store.apply(Commit("log", 0, 1), an_update())
    assert not store.is_complete()
    store.set_complete(True)
    assert store.is_complete()
    store.clear()
    assert not store.is_complete()
    store.set_complete(True)
    store.set_complete(False)
    store.set_complete(False)
    assert not store.is_complete()


def test_what_needs_a_complete_store_is_refused_by_any_other_and_changes_nothing(store: OnlineStore) -> None:
    commit = Commit("log", 0, 1, stored=1)
    with pytest.raises(Incomplete, match="rebuild-online"):
        store.apply(commit, an_update(), only_complete=True)
    assert (store.actor("a"), store.progress("log"), store.done()) == (ActorState(), CommittedProgress(), {})
    store.set_complete(True)
    assert store.apply(commit, an_update(), only_complete=True)
    store.clear()
    with pytest.raises(Incomplete):
        store.apply(Commit("log", 1, 2), an_update(), only_complete=True)
    assert store.done() == {}


def test_what_is_done_of_every_log_can_be_put_into_another_store(store: OnlineStore) -> None:
    commits = [
        Commit("log", 0, 9, Partition(6, 3), 4, {"bad_time": 1}, 17),
        Commit("log", 0, 5, Partition(6, 2), 2, {"no_actor": 3}, 4),
        Commit("log", 0, 7, other_partitions={Partition(6, 3): 9, Partition(6, 2): 5}), Commit("other", 0, 2, stored=2),
    ]  # fmt: skip
    for commit in commits:
        assert store.apply(commit, OnlineUpdate())
    done = store.done()
    assert done == {
        "log": CommittedProgress({Partition(6, 3): 9, Partition(6, 2): 5, Partition(): 7}, 6,
                                 {"bad_time": 1, "no_actor": 3}, {Partition(6, 3): 17, Partition(6, 2): 4}),
        "other": CommittedProgress({Partition(): 2}, 2),
    }  # fmt: skip
    assert {log: progress_of(fields_of_progress(progress)) for log, progress in done.items()} == done
    store.clear()
    for log, progress in done.items():
        assert all(store.apply(commit, OnlineUpdate()) for commit in commits_of(log, progress))
    assert store.done() == done


def test_a_recovered_dead_letter_counts_as_stored_once(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 5, stored=7, rejected={"bad_json": 2, "bad_time": 1}), OnlineUpdate())
    for _ in range(2):
        store.recover("log", (3, 0), "bad_json", 2)
    assert store.progress("log") == CommittedProgress({Partition(): 5}, 9, {"bad_time": 1})
    store.clear()
    store.apply(Commit("log", 0, 5, stored=9, rejected={"bad_time": 1}), OnlineUpdate())  # as a rebuild counts it
    store.recover("log", (3, 0), "bad_json", 2)
    assert store.progress("log") == CommittedProgress({Partition(): 5}, 9, {"bad_time": 1})


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_is_the_one_it_is_called(name: str, request: pytest.FixtureRequest) -> None:
    _, client = request.getfixturevalue(f"{name}_server")
    assert client.info("server").get("server_name", "redis") == name


def test_an_empty_store_knows_nothing(store: OnlineStore) -> None:
    assert store.actor("a") == ActorState()
    assert store.known_of(["a", "b"]) == store.known_of([]) == store.known_of([], ["a"]) == Known({}, {})
    assert store.trends([HOUR]) == {}
    assert store.trends([]) == {}
    assert store.co_clicks(["i1"]) == {}
    assert store.co_clicks([]) == {}
    assert store.next_clicks(["i1"]) == store.next_clicks([]) == {}
    assert store.forget("a") == 0


def test_an_update_is_seen_by_every_reader(store: OnlineStore) -> None:
    assert store.apply(Commit("log", 0, 5), an_update()) == 1
    assert store.actor("a") == ActorState((RecentItem("i1", AT),), {}, {"not-i1": AT}, (hash_of("i1"),))
    assert store.known_of(["a", "b"]).recent == {"a": [RecentItem("i1", AT)]}
    assert store.trends([HOUR, HOUR + 1]) == {HOUR: {"i1": 1.0}}
    assert store.co_clicks(["i1", "unknown"]) == {"i1": [("other", 0.5)]}
    assert store.next_clicks(["i1", "after"]) == {"i1": [("after", 0.25)]}


def test_records_delivered_twice_count_once(store: OnlineStore) -> None:
    assert store.apply(Commit("log", 0, 5, stored=7, rejected={"bad_json": 2}), an_update())
    assert not store.apply(Commit("log", 0, 5, stored=7, rejected={"bad_json": 2}), an_update(actor="b"))
    assert store.trends([HOUR]) == {HOUR: {"i1": 1.0}}
    assert store.progress("log") == CommittedProgress({Partition(): 5}, 7, {"bad_json": 2}, {})


def test_records_of_which_a_part_is_done_are_refused_whole(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 5), an_update())
    assert not store.apply(Commit("log", 3, 8, stored=3), an_update(actor="b"))
    assert store.actor("b") == ActorState()
    assert store.progress("log") == CommittedProgress({Partition(): 5})


def test_the_next_records_pass_the_committed_offset_and_older_ones_do_not(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 5), an_update())
    assert store.apply(Commit("log", 5, 6), an_update(actor="b"))
    assert not store.apply(Commit("log", 0, 5), an_update(actor="c"))
    assert store.trends([HOUR]) == {HOUR: {"i1": 2.0}}


def test_partitions_of_a_log_have_offsets_of_their_own_and_one_count(store: OnlineStore) -> None:
    big = 2**53 - 1
    assert store.progress("log") == CommittedProgress()
    assert store.apply(Commit("log", 0, 9, Partition(6, 3), 4, {"bad_time": 1}, 17), an_update())
    assert store.apply(Commit("log", 0, 5, Partition(6, 2), 2, {"bad_time": 1, "no_actor": 3}, 4), an_update(actor="b"))
    assert store.apply(Commit("log", 9, big, Partition(6, 3), 1, {}, big), an_update(actor="c"))
    assert store.progress("log") == CommittedProgress(
        {Partition(6, 3): big, Partition(6, 2): 5},
        7,
        {"bad_time": 2, "no_actor": 3},
        {Partition(6, 3): big, Partition(6, 2): 4},
    )
    assert store.progress("another") == CommittedProgress()


def test_records_are_refused_while_another_engine_moves_on_in_the_same_log(store: OnlineStore) -> None:
    assert store.apply(Commit("log", 0, 5), an_update())
    assert not store.apply(Commit("log", 0, 5, Partition(3, 1)), an_update(actor="b"))
    assert not store.apply(
        Commit("log", 0, 5, Partition(3, 1), other_partitions={Partition(): 4}), an_update(actor="b")
    )
    assert store.apply(Commit("log", 0, 5, Partition(3, 1), other_partitions={Partition(): 5}), an_update(actor="b"))
    assert store.apply(Commit("log", 0, 7, Partition(3, 2), other_partitions={Partition(): 5}), an_update(actor="c"))
    assert not store.apply(Commit("log", 5, 6, other_partitions={Partition(3, 1): 5}), an_update(actor="d"))
    assert store.apply(
        Commit("log", 5, 6, other_partitions={Partition(3, 1): 5, Partition(3, 2): 7}), an_update(actor="d")
    )
    assert store.trends([HOUR]) == {HOUR: {"i1": 4.0}}


def test_an_actor_counts_once_for_an_item_and_hour_with_the_strongest_interest(store: OnlineStore) -> None:
    shown = [("a", 1.0), ("a", 1.0), ("b", 3.0), ("a", 4.0), ("b", 1.0), ("a", 2.0)]
    trends = []
    for n, (actor, weight) in enumerate(shown):
        store.apply(Commit("log", n, n + 1), OnlineUpdate(interests={HOUR: {"i1": {actor: weight}}}))
        trends.append(store.trends([HOUR])[HOUR]["i1"])
    assert trends == [1.0, 1.0, 4.0, 7.0, 7.0, 7.0]
    store.apply(Commit("log", 9, 10), OnlineUpdate(interests={HOUR: {"i2": {"a": 1.0}}, HOUR + 1: {"i1": {"a": 1.0}}}))
    assert store.trends([HOUR, HOUR + 1]) == {HOUR: {"i1": 7.0, "i2": 1.0}, HOUR + 1: {"i1": 1.0}}


def test_a_thousand_clicks_of_one_actor_weigh_as_one(store: OnlineStore) -> None:
    for n in range(1_000):
        store.apply(Commit("log", 2 * n, 2 * n + 1), an_update(actor="farm"))
        store.apply(Commit("log", 2 * n + 1, 2 * n + 2), an_update(actor=f"v{n % 3}", item="i2"))
    assert store.trends([HOUR]) == {HOUR: {"i1": 1.0, "i2": 3.0}}


def test_who_counted_is_known_within_bounds_and_in_no_readable_form(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profiles.online.memory.MAX_COUNTED", 10)
    client.flushdb()
    redis, memory = RedisOnlineStore(client, Bounds(counted=10)), MemoryOnlineStore()
    for number in range(2):
        update = OnlineUpdate(interests={HOUR: {"i1": {f"visitor-{n}": 1.0 for n in range(15)}}})
        for each in (redis, memory):
            each.apply(Commit("log", number, number + 1), update)
    # Ten are known and count once; the five others count each time.
    assert redis.trends([HOUR]) == memory.trends([HOUR]) == {HOUR: {"i1": 20.0}}
    known = client.hgetall(counted_key(HOUR))
    assert len(known) == 10
    assert not any(b"visitor" in pair for pair in known)
    assert 0 < client.ttl(counted_key(HOUR)) <= COUNTED_TTL_HOURS * 3_600


def test_logs_have_progress_of_their_own(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 5), an_update())
    assert store.apply(Commit("another", 0, 5), an_update()) == 1


def test_recent_items_are_newest_first_and_a_late_event_does_not_turn_time_back(store: OnlineStore) -> None:
    items = [RecentItem("x", AT), RecentItem("y", AT + 1), RecentItem("x", AT - 9), RecentItem("z", AT - 5)]
    store.apply(Commit("log", 0, 1), OnlineUpdate(recent={"a": items}))
    store.apply(Commit("log", 1, 2), OnlineUpdate(recent={"a": [RecentItem("y", AT - 99)]}))
    assert store.known_of(["a"]).recent["a"] == [RecentItem("y", AT + 1), RecentItem("x", AT), RecentItem("z", AT - 5)]


def test_every_list_keeps_its_bound_and_its_heaviest(store: OnlineStore) -> None:
    many = 2_500  # more than one slice of the script
    store.apply(Commit("log", 0, 1), OnlineUpdate(
        recent={"a": [RecentItem(f"i{n}", AT + n) for n in range(many)]},
        disliked={"a": {f"d{n}": AT + n for n in range(many)}},
        co_clicks={"i": {f"n{n}": {"a": float(n + 1)} for n in range(many)}},
        next_clicks={"i": {f"n{n}": {"a": float(n + 1)} for n in range(many)}},
    ))  # fmt: skip
    state = store.actor("a")
    assert [item.item_id for item in state.recent] == [f"i{many - 1 - n}" for n in range(MAX_RECENT)]
    assert state.seen == tuple(hash_of(f"i{n}") for n in range(many))
    assert state.disliked == {f"d{many - 1 - n}": AT + many - 1 - n for n in range(MAX_DISLIKED)}
    assert store.co_clicks(["i"])["i"] == [(f"n{many - 1 - n}", float(many - n)) for n in range(MAX_CO_CLICKED)]
    assert store.co_clicks(["i"], n=2)["i"] == [(f"n{many - 1}", float(many)), (f"n{many - 2}", float(many - 1))]
    assert store.co_clicks(["i"], n=0) == store.next_clicks(["i"], n=0) == {}
    assert store.next_clicks(["i"])["i"] == [(f"n{many - 1 - n}", float(many - n)) for n in range(MAX_NEXT_CLICKED)]


def test_what_was_seen_is_known_longer_than_what_is_recent_and_within_its_bound(store: OnlineStore) -> None:
    long_ago = [RecentItem(f"old{n}", AT - 9_999 + n) for n in range(MAX_SEEN)]
    store.apply(Commit("log", 0, 1), OnlineUpdate(seen={"a": long_ago}))
    assert (store.actor("a").recent, len(store.actor("a").seen)) == ((), MAX_SEEN)
    store.apply(Commit("log", 1, 2), OnlineUpdate(recent={"a": [RecentItem("new", AT), RecentItem("old0", AT + 1)]}))
    seen = store.actor("a").seen
    assert (len(seen), seen[-2:]) == (MAX_SEEN, (hash_of("new"), hash_of("old0")))
    assert hash_of("old1") not in seen
    assert hash_of("old2") in seen


def test_tags_are_replaced_as_a_whole(store: OnlineStore) -> None:
    assert store.put_tags("run-1", [("a", {"主题:就业": 2.0, "主题:住房": 1.0}), ("b", {"主题:教育": 1.0})]) == 2
    assert store.put_tags("run-2", [("a", {"主题:就业": 3.0})]) == 1
    assert store.actor("a").tags == {"主题:就业": 3.0}
    assert store.actor("b").tags == {"主题:教育": 1.0}


def test_forgetting_an_actor_leaves_the_others(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 1), an_update(actor="a"))
    store.apply(Commit("log", 1, 2), an_update(actor="b"))
    store.put_tags("run", [("a", {"t": 1.0})])
    assert store.forget("a") == 4
    assert store.actor("a") == ActorState()
    assert store.actor("b") != ActorState()


def test_services_that_are_done_are_known_until_consent_ends_or_the_actor_is_forgotten(store: OnlineStore) -> None:
    many = {f"s{n}": AT + n for n in range(MAX_DONE + 5)}
    store.apply(Commit("log", 0, 1), OnlineUpdate(done={"a": many, "b": {"x": AT}}))
    store.apply(Commit("log", 1, 2), OnlineUpdate(done={"a": {"s7": AT + 999, "s204": AT}}))
    done = [*store.actor("a").done]
    assert (len(done), done[:3]) == (MAX_DONE, ["s7", "s204", "s203"])
    store.withdraw("a", AT + 203)
    assert [*store.actor("a").done.items()] == [("s7", AT + 999), ("s204", AT + 204)]
    assert store.forget("b") == 1
    assert store.actor("b") == ActorState()


def test_a_cleared_store_is_empty_and_takes_the_same_batch_again(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 1), an_update())
    store.clear()
    assert store.actor("a") == ActorState()
    assert store.apply(Commit("log", 0, 1), an_update()) == 1


_names = st.sampled_from(["a", "b", "c", "东莞", "i,1"[:1], "0"])
_weights = st.dictionaries(_names, st.floats(0.001, 1e6), max_size=4)
_marks = st.builds(
    lambda first, more, partition, stored, rejected, position: Commit(
        "log", first, first + more, partition, stored, rejected, position
    ),
    st.integers(0, 6), st.integers(1, 4), st.builds(Partition, st.integers(1, 2), st.integers(0, 1)), st.integers(0, 9),
    st.dictionaries(st.sampled_from(["bad_json", "no_actor"]), st.integers(1, 9)), st.integers(-1, 9),
)  # fmt: skip
_interacted = st.dictionaries(
    _names, st.lists(st.builds(RecentItem, _names, st.integers(0, 2**41)), max_size=5), max_size=3
)
_times = st.dictionaries(_names, st.dictionaries(_names, st.integers(0, 2**41), max_size=7), max_size=3)
_updates = st.builds(
    OnlineUpdate,
    recent=_interacted,
    seen=_interacted,
    disliked=_times,
    done=_times,
    signed_in=_times,
    interests=st.dictionaries(st.integers(0, 3), st.dictionaries(_names, _weights, max_size=3), max_size=3),
    co_clicks=st.dictionaries(_names, st.dictionaries(_names, _weights, max_size=3), max_size=3),
    next_clicks=st.dictionaries(_names, st.dictionaries(_names, _weights, max_size=3), max_size=3),
    restored=st.dictionaries(_names, st.lists(_names, max_size=2), max_size=2),
    withdrawn=st.dictionaries(_names, st.integers(1, 2**41), max_size=2),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(updates=st.lists(st.tuples(_marks, _updates), max_size=12))
def test_redis_answers_exactly_as_memory_does(client: Redis, updates: list[tuple[Commit, OnlineUpdate]]) -> None:
    client.flushdb()
    redis, memory = RedisOnlineStore(client, Bounds(min_actors=3)), MemoryOnlineStore(min_actors=3)
    names = ["a", "b", "c", "东莞", "i", "0"]
    for number, (commit, update) in enumerate(updates):
        if number % 3:  # the others know nothing of another engine
            commit = replace(commit, other_partitions=memory.progress("log").other_partitions(commit.partition))
        assert redis.apply(commit, update) == memory.apply(commit, update)
    assert redis.progress("log") == memory.progress("log")
    assert redis.known_of(names) == memory.known_of(names)
    assert [redis.actor(name) for name in names] == [memory.actor(name) for name in names]
    assert redis.trends(range(4)) == memory.trends(range(4))
    assert redis.crowded(0) == memory.crowded(0)
    for found, expected in (
        (redis.co_clicks(names), memory.co_clicks(names)), (redis.next_clicks(names), memory.next_clicks(names))
    ):  # fmt: skip
        assert {item: dict(pairs) for item, pairs in found.items()} == {
            item: pytest.approx(dict(pairs)) for item, pairs in expected.items()
        }


def test_a_store_of_an_older_form_is_incomplete_and_nothing_of_it_outlasts_the_rebuild(client: Redis) -> None:
    client.flushdb()
    client.hset("fence:log", "partition:1:0", 5)
    client.set("whole:6", 1)
    store = RedisOnlineStore(client)
    assert (store.is_complete(), store.progress("log")) == (False, CommittedProgress())
    store.clear()
    assert client.keys("*") == []


def test_every_key_in_redis_expires_except_the_progress_and_the_indexes_of_what_is_held(client: Redis) -> None:
    client.flushdb()
    store = RedisOnlineStore(client, Bounds(min_actors=1))
    store.apply(Commit("log", 0, 1), an_update())
    store.put_tags("run", [("a", {"t": 1.0})])
    families = Counter(key.split(b":")[0] for key in client.scan_iter())
    assert families == {
        b"recent": 1,
        b"seen": 1,
        b"disliked": 1,
        b"trend": 1,
        b"counted": 1,
        b"co": 2,
        b"next": 1,
        b"crowd": 1,
        b"tags": 1,
        b"held": 3,
        b"progress": 1,
        b"logs": 1,
    }
    store.recover("log", (1, 0), "bad_json", 2)
    lasting = sorted(key for key in client.scan_iter() if client.ttl(key) < 0)
    assert lasting == [b"held:actors", b"held:co", b"held:hours", b"logs:", b"progress:log"]


def test_a_store_that_is_down_is_unavailable() -> None:
    store = RedisOnlineStore(redis_client(RedisSettings(port=free_ports(1)[0])))
    for call in (
        lambda: store.actor("a"),
        lambda: store.known_of(["a"]),
        lambda: store.trends([1]),
        lambda: store.co_clicks(["i"]),
        lambda: store.crowded(1),
        lambda: store.dislike("a", "i", 1),
        lambda: store.undislike("a", "i"),
        lambda: store.withdraw("a", 1),
        lambda: store.apply(Commit("log", 0, 1), OnlineUpdate()),
        lambda: store.progress("log"),
        lambda: store.put_tags("run", [("a", {})]),
        lambda: store.forget("a"),
        store.clear,
    ):
        with pytest.raises(Unavailable, match="is Redis or Valkey up"):
            call()


def test_a_refused_question_leaves_no_answer_behind_for_the_next(client: Redis) -> None:
    client.flushdb()
    store = RedisOnlineStore(client, Bounds(min_actors=1))
    store.apply(Commit("log", 0, 1), an_update())
    known = store.actor("a")
    client.set(co_key("broken"), "not a sorted set")
    with pytest.raises(Unavailable, match="WRONGTYPE"):
        store.co_clicks(["broken", "i1", "other"])
    assert store.actor("a") == known
    assert store.co_clicks(["i1"]) == {"i1": [("other", 0.5)]}


@pytest.fixture(params=["memory", *SERVERS])
def shy_store(request: pytest.FixtureRequest) -> Iterator[OnlineStore]:
    """A store in which three make a crowd."""
    if request.param == "memory":
        yield MemoryOnlineStore(min_actors=3)
        return
    _, client = request.getfixturevalue(f"{request.param}_server")
    client.flushdb()
    yield RedisOnlineStore(client, Bounds(min_actors=3))


def test_what_few_did_is_told_once_they_are_a_crowd(shy_store: OnlineStore) -> None:
    clicks = ["a", "b", "a", "b", "a", "c", "d"]
    told, after, crowded = [], [], []
    for n, actor in enumerate(clicks):
        shy_store.apply(Commit("log", n, n + 1), an_update(actor=actor))
        told.append(shy_store.co_clicks(["i1", "other"]))
        after.append(shy_store.next_clicks(["i1"]))
        crowded.append(shy_store.crowded(HOUR))
    weights = [-1.0, -1.5, -2.0, -2.5, 3.0, 3.5]  # below 0: of two, who order and are told to nobody
    assert told == [{}] + [{"i1": [("other", w)], "other": [("i1", w)]} for w in weights]
    assert after == [{}] + [{"i1": [("after", w / 2)]} for w in weights]
    assert crowded == [frozenset()] * 5 + [{"i1"}] * 2


def test_one_visitor_of_many_hours_is_no_crowd_and_three_far_apart_are_none(shy_store: OnlineStore) -> None:
    interactions = [("a", hour) for hour in range(30)] + [("b", 31), ("c", CROWD_HOURS + 1), ("d", 2 * CROWD_HOURS)]
    for n, (actor, hour) in enumerate(interactions):
        shy_store.apply(Commit("log", n, n + 1), OnlineUpdate(interests={HOUR + hour: {"i1": {actor: 1.0}}}))
    assert shy_store.crowded(0) == frozenset()
    more = {HOUR + 2 * CROWD_HOURS: {"i1": {"b": 1.0, "a": 1.0}}}
    shy_store.apply(Commit("log", 99, 100), OnlineUpdate(interests=more))
    assert shy_store.crowded(HOUR + 2 * CROWD_HOURS) == {"i1"}
    assert shy_store.crowded(HOUR + 2 * CROWD_HOURS + 1) == frozenset()


def test_of_too_many_rare_pairs_those_of_more_actors_are_kept(client: Redis) -> None:
    client.flushdb()
    store = RedisOnlineStore(client, Bounds(min_actors=3))
    for actor in ("a", "b"):
        store.apply(Commit(actor, 0, 1), OnlineUpdate(co_clicks={"i": {"good": {actor: 1.0}}}))
    rare = {"i": {f"rare-{n}": {"a": 1.0} for n in range(5 * MAX_FEW)}}
    store.apply(Commit("log", 0, 1), OnlineUpdate(co_clicks=rare))
    assert client.hlen(few_key("i")) == MAX_FEW
    store.apply(Commit("log", 1, 2), OnlineUpdate(co_clicks={"i": {"good": {"c": 1.0}}}))
    assert store.co_clicks(["i"]) == {"i": [("good", 3.0)]}


def test_consent_withdrawn_takes_what_was_known_until_then_and_is_remembered(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 1), an_update(actor="a"))
    store.apply(Commit("log", 1, 2), an_update(actor="b"))
    store.put_tags("run", [("a", {"t": 1.0})])
    update = OnlineUpdate(recent={"a": [RecentItem("new", AT + 2)]}, withdrawn={"a": AT + 1, "c": AT})
    store.apply(Commit("log", 2, 3), update)
    assert store.actor("a") == ActorState(recent=(RecentItem("new", AT + 2),), seen=(hash_of("new"),))
    assert store.actor("b").recent
    assert store.known_of(["a", "b", "c"]).withdrawn == {"a": AT + 1, "c": AT}
    store.apply(Commit("log", 3, 4), OnlineUpdate(withdrawn={"a": AT}))  # an older one that comes late
    assert store.known_of(["a"]).withdrawn == {"a": AT + 1}
    assert store.actor("a").recent == (RecentItem("new", AT + 2),)


def test_a_refusal_can_be_taken_back(store: OnlineStore) -> None:
    store.apply(Commit("log", 0, 1), OnlineUpdate(disliked={"a": {"x": 1, "y": 2}}))
    store.apply(Commit("log", 1, 2), OnlineUpdate(restored={"a": ["x", "never-refused"], "nobody": ["x"]}))
    assert store.actor("a").disliked == {"y": 2}
