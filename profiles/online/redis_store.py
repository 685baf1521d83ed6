"""The online store in Redis or Valkey: one server (with replicas, not a cluster), every key bounded or expiring.

In: `OnlineUpdate`s and tags. Out: as `profiles.online.ports.OnlineStore` says. Lists are read by `redis_reader`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from civicrec.accounting.progress import (
    LOGS_KEY,
    Commit,
    CommittedProgress,
    division,
    fields_of_commit,
    partition_field,
    progress_key,
    progress_of,
    read_all_progress,
)
from civicrec.clock import to_ms, utc_now
from profiles.online.bounds import LATE_SHARE, MAX_HOURS, Bounds
from profiles.online.ports import (
    CO_CLICK_TTL_DAYS,
    COUNTED_TTL_HOURS,
    CROWD_HOURS,
    DISLIKED_TTL_DAYS,
    MAX_CO_CLICKED,
    MAX_DISLIKED,
    MAX_FEW,
    MAX_FEW_TRENDS,
    MAX_RECENT,
    MAX_TREND_ITEMS,
    RECENT_TTL_DAYS,
    RECOVERED_TTL_DAYS,
    TAGS_TTL_DAYS,
    TREND_TTL_HOURS,
    WITHDRAWN_TTL_DAYS,
    ActorState,
    Incomplete,
    OnlineFault,
    OnlineUpdate,
    RecentItem,
)
from profiles.online.redis_keys import (
    CLEARED,
    COMPLETE_KEY,
    CROWD_KEY,
    FEW_TRENDS_KEY,
    HELD_ACTORS,
    SHED_KEY,
    co_key,
    counted_key,
    disliked_key,
    few_key,
    recent_key,
    recovered_key,
    tags_key,
    trend_key,
    withdrawn_key,
)
from profiles.online.redis_queries import (
    Command,
    StoredTags,
    actor_commands,
    actor_of,
    co_click_commands,
    co_clicks_of,
    largest,
    recent_items,
)
from profiles.online.state import OnlineState

_DAY_S = 86_400
_MB = 1 << 20
_APPLY, _PUT_TAGS, _SHED = (
    (Path(__file__).parent / f"{name}.lua").read_text() for name in ("apply", "put_tags", "shed")
)
#: Moves the events of a dead letter from rejected to stored unless its name is in the set of those that were.
_RECOVER = """
if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], ARGV[2], -ARGV[3])
  redis.call('HINCRBY', KEYS[1], 'stored', ARGV[3])
end
redis.call('EXPIRE', KEYS[2], ARGV[4])
"""
#: Actors in one pipeline of `put_tags`: some 100 KB a round trip.
_TAGS_SLICE = 1_000

_pack = msgspec.msgpack.Encoder().encode
_encode_tags = msgspec.json.Encoder().encode


class RedisOnlineStore:
    """An `OnlineStore` on a Redis client (bytes in, bytes out), as `civicrec.clients.redis_client` makes it: RESP3.

    Parameters
    ----------
    bounds
        How much it may hold; who writes gives those of the settings.
    """

    def __init__(self, client: Redis, bounds: Bounds = Bounds()) -> None:  # noqa: B008  # it is frozen
        self._client = client
        self._bounds = bounds
        self._apply = client.register_script(_APPLY)
        self._put_tags = client.register_script(_PUT_TAGS)
        self._shed = client.register_script(_SHED)
        self._recover = client.register_script(_RECOVER)

    def apply(self, commit: Commit, update: OnlineUpdate, *, only_complete: bool = False) -> bool:
        """Apply the update unless its records may have been committed since; return whether it was."""
        moved, added = fields_of_commit(commit)
        other_partitions = {
            partition_field(partition): reached for partition, reached in commit.other_partitions.items()
        }
        claim = (
            partition_field(commit.partition), commit.first, list(chain(*moved.items())), list(chain(*added.items())),
            division(commit.partition), other_partitions, commit.log, only_complete, _withdrawn(update),
            [(disliked_key(actor), list(names)) for actor, names in update.restored.items() if names],
            (self._bounds.min_actors, *_CROWD),
        )  # fmt: skip
        keys = [progress_key(commit.log), LOGS_KEY, COMPLETE_KEY]
        with _reachable("apply an update"):
            args = [_pack(claim), _commands(update, commit.last, self._bounds)]
            answer = int(self._shedding(lambda: self._apply(keys=keys, args=args)))
        if answer < 0:
            raise Incomplete
        return answer == 1

    def progress(self, log: str) -> CommittedProgress:
        """Return what is done of a log."""
        with _reachable("read what is committed"):
            return progress_of(self._client.hgetall(progress_key(log)))

    def done(self) -> dict[str, CommittedProgress]:
        """Return what is done of every log."""
        with _reachable("read what is committed"):
            return read_all_progress(self._client)

    def recover(self, log: str, dead_letter: tuple[int, int], reason: str, n_events: int) -> None:
        """Count the events of a dead letter as stored, once."""
        keys = [progress_key(log), recovered_key(log)]
        name, seconds = f"{dead_letter[0]}:{dead_letter[1]}", RECOVERED_TTL_DAYS * _DAY_S
        with _reachable("count a recovered dead letter"):
            self._recover(keys=keys, args=[name, f"rejected:{reason}", n_events, seconds])

    def recent_of(self, actors: Sequence[str]) -> dict[str, list[RecentItem]]:
        """Return the recent items of each actor that has any, newest first."""
        with _reachable("read recent items"):
            answers = self._answers([largest(recent_key(actor), MAX_RECENT) for actor in actors])
        return {actor: recent_items(pairs) for actor, pairs in zip(actors, answers, strict=True) if pairs}

    def actor(self, actor: str) -> ActorState:
        """Return all that is known of one actor, in one round trip."""
        with _reachable("read an actor"):
            return actor_of(self._answers(actor_commands(actor)))

    def trends(self, hours: Sequence[int]) -> dict[int, dict[str, float]]:
        """Return hour → item → weight for the hours asked that have any."""
        with _reachable("read trends"):
            answers = self._answers([("ZRANGE", trend_key(hour), 0, -1, "WITHSCORES") for hour in hours])
        found = zip(hours, answers, strict=True)
        return {hour: {name.decode(): weight for name, weight in pairs} for hour, pairs in found if pairs}

    def crowded(self, since_hour: int) -> frozenset[str]:
        """Return the items that a crowd interacted with, seen since that epoch hour."""
        with _reachable("read what a crowd interacted with"):
            (names,) = self._answers([("ZRANGEBYSCORE", CROWD_KEY, since_hour, "+inf")])
        return frozenset(name.decode() for name in names)

    def withdrawn_of(self, actors: Sequence[str]) -> dict[str, int]:
        """Return when each actor withdrew consent, of those of whom it is known."""
        if not actors:
            return {}
        with _reachable("read who withdrew consent"):
            (found,) = self._answers([("MGET", *map(withdrawn_key, actors))])
        return {actor: int(at) for actor, at in zip(actors, found, strict=True) if at is not None}

    def co_clicks(self, item_ids: Sequence[str], n: int = MAX_CO_CLICKED) -> dict[str, list[tuple[str, float]]]:
        """Return item → up to `n` (neighbour, weight), heaviest first, for the items that have any."""
        with _reachable("read co-clicks"):
            return co_clicks_of(item_ids, self._answers(co_click_commands(item_ids, n)))

    def put_tags(self, run: str, tags: Iterable[tuple[str, Mapping[str, float]]]) -> int:
        """Replace the tags of each actor given; return how many."""
        n, rest = 0, iter(tags)
        with _reachable("write tags"):
            worth = to_ms(utc_now()) // 1000 - RECENT_TTL_DAYS * _DAY_S  # who has nothing else was not here for a month
            while slice_ := list(islice(rest, _TAGS_SLICE)):
                args: list[Any] = [self._bounds.actors, TAGS_TTL_DAYS * _DAY_S, worth]
                for actor, weights in slice_:
                    args += (actor, _encode_tags(StoredTags(run, dict(weights))))
                n += int(self._shedding(partial(self._put_tags, args=args)))
        return n

    def forget(self, actor: str) -> int:
        """Remove every key of this actor; return how many there were."""
        with _reachable("forget an actor"):
            self._client.zrem(HELD_ACTORS, actor)
            return int(self._client.delete(recent_key(actor), disliked_key(actor), tags_key(actor)))

    def is_complete(self) -> bool:
        """Tell whether all is here that should be."""
        with _reachable("say whether it is complete"):
            return bool(self._client.exists(COMPLETE_KEY))

    def set_complete(self, complete: bool) -> None:
        """Say whether all is here that should be."""
        with _reachable("note whether it is complete"):
            if complete:
                self._shedding(partial(self._client.set, COMPLETE_KEY, 1))
            else:
                self._client.delete(COMPLETE_KEY)

    def state(self) -> OnlineState:
        """Return what the store says of itself."""
        with _reachable("tell its state"):
            pipeline = self._client.pipeline(transaction=False)
            pipeline.exists(COMPLETE_KEY)
            pipeline.zcard(HELD_ACTORS)
            pipeline.hgetall(SHED_KEY)
            pipeline.info("memory")
            complete, actors, shed, memory = pipeline.execute()
        used_mb, max_mb = (memory.get(name, 0) / _MB for name in ("used_memory", "maxmemory"))
        return OnlineState(bool(complete), actors, {kind.decode(): int(n) for kind, n in shed.items()}, used_mb, max_mb)

    def clear(self) -> None:
        """Remove all of this store, progress included, but which dead letters were recovered; other keys stay."""
        with _reachable("clear the online store"):
            for family in CLEARED:
                names = iter(self._client.scan_iter(match=f"{family}:*", count=1_000))
                while slice_ := list(islice(names, _TAGS_SLICE)):
                    self._client.unlink(*slice_)

    def _shedding(self, write: Callable[[], Any]) -> Any:
        """Write; into a full store after the least active of what it holds was shed."""
        while True:
            try:
                return write()
            except OutOfMemoryError:
                if not int(self._shed()):
                    raise

    def _answers(self, commands: Sequence[Command]) -> list[Any]:
        """Ask everything in one round trip; pairs come with numbers, as RESP3 has them.

        The client's own pipeline does the same at twice the cost or more.
        """
        if not commands:
            return []
        pool = self._client.connection_pool
        connection: Any = pool.get_connection()
        try:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [connection.read_response() for _ in commands]
        except BaseException:
            connection.disconnect()  # what was not read would be taken for the answers to the next question
            raise
        finally:
            pool.release(connection)


#: What apply.lua needs to tell a crowd from a few, and how it keeps both.
_CROWD = (
    FEW_TRENDS_KEY, CROWD_KEY, CROWD_HOURS, MAX_FEW, MAX_FEW_TRENDS, TREND_TTL_HOURS * 3_600,
    MAX_TREND_ITEMS, CO_CLICK_TTL_DAYS * _DAY_S,
)  # fmt: skip


def _withdrawn(update: OnlineUpdate) -> list[tuple[str | int, ...]]:
    seconds = WITHDRAWN_TTL_DAYS * _DAY_S
    return [
        (recent_key(actor), disliked_key(actor), tags_key(actor), withdrawn_key(actor), at_ms, seconds)
        for actor, at_ms in update.withdrawn.items()
    ]


def _voice(actor: str) -> str:
    """Return what tells an actor from others among the few of a pair."""
    return blake2b(actor.encode(), digest_size=4).hexdigest()


def _commands(update: OnlineUpdate, last: int, bounds: Bounds) -> bytes:
    """Write an update as the MessagePack that apply.lua reads."""
    voices = cache(_voice)  # of this update alone
    newest = [
        (recent_key(actor), RECENT_TTL_DAYS * _DAY_S, MAX_RECENT, _flat(_newest(items)))
        for actor, items in update.recent.items()
        if items
    ]
    refused = [
        (disliked_key(actor), DISLIKED_TTL_DAYS * _DAY_S, MAX_DISLIKED, _flat(dict.fromkeys(names, last)))
        for actor, names in update.disliked.items()
        if names
    ]
    added = [
        (
            co_key(item_id), CO_CLICK_TTL_DAYS * _DAY_S, MAX_CO_CLICKED,
            [part for other, weights in others.items() for actor, weight in weights.items()
             for part in (weight, other, voices(actor))],
            few_key(item_id),
        )
        for item_id, others in update.co_clicks.items()
    ]  # fmt: skip
    counted = [
        (
            trend_key(hour), TREND_TTL_HOURS * 3_600, bounds.trend_items,
            counted_key(hour), COUNTED_TTL_HOURS * 3_600, bounds.counted,
            [part for item_id, weights in by_item.items() for actor, weight in weights.items()
             for part in (_pair(actor, item_id), item_id, weight, voices(actor))],
            str(hour),
        )
        for hour, by_item in update.interests.items()
    ]  # fmt: skip
    seen: dict[str, int] = {actor: 0 for actor, names in update.disliked.items() if names}
    seen |= dict.fromkeys(update.withdrawn, 0)
    for actor, items in update.recent.items():
        if items:
            seen[actor] = max(item.at_ms for item in items) // 1000
    limits = (bounds.actors, bounds.co_items, MAX_HOURS, LATE_SHARE, to_ms(utc_now()) // 1000)
    return _pack((newest, refused, added, counted, list(chain(*seen.items())), limits))


def _pair(actor: str, item_id: str) -> str:
    """Return a name for an actor and an item from which neither can be read."""
    return blake2b(f"{actor} {item_id}".encode(), digest_size=8).hexdigest()


def _newest(items: Sequence[RecentItem]) -> dict[str, int]:
    at: dict[str, int] = {}
    for item in items:
        at[item.item_id] = max(item.at_ms, at.get(item.item_id, item.at_ms))
    return at


def _flat(scores: Mapping[str, float]) -> list[Any]:
    return list(chain.from_iterable((score, name) for name, score in scores.items()))


@contextmanager
def _reachable(what: str) -> Iterator[None]:
    try:
        yield
    except OutOfMemoryError as error:
        raise OnlineFault(
            f"the online store is full and cannot {what}: {str(error).split(' script:')[0]} Nothing is left to shed: "
            "raise CIVICREC_REDIS__MAX_MEMORY_MB, or the maxmemory of your own server"
        ) from error
    except RedisError as error:
        raise OnlineFault(f"the online store cannot {what}: {error}; is Redis or Valkey up?") from error
