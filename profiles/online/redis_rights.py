"""What one person may see, say and take back, in Redis or Valkey."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import chain, islice
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from civicrec.clock import to_ms, utc_now
from profiles.online.bounds import Bounds
from profiles.online.ports import DISLIKED_TTL_DAYS, MAX_DISLIKED, WITHDRAWN_TTL_DAYS, ActorState, OnlineUpdate
from profiles.online.pseudonyms import digest_of, pair_of
from profiles.online.redis_calls import DAY_S, RedisCalls, reachable, script
from profiles.online.redis_keys import (
    HELD_ACTORS,
    HELD_HOURS,
    OFF_KEY,
    counted_key,
    disliked_key,
    done_key,
    recent_key,
    seen_key,
    shown_key,
    signed_in_key,
    tags_key,
    withdrawn_key,
)
from profiles.online.redis_queries import StoredTags, actor_commands, actor_of, decode_tags
from profiles.online.redis_tags import put_tags_of

_RIGHTS = script("actors", "rights")
#: Keys of few actors that one call of the script goes through: others wait for it.
_KEYS_AT_ONCE = 100
_pack = msgspec.msgpack.Encoder().encode


class RedisOnlineRights(RedisCalls):
    """An `OnlineRights`."""

    def __init__(self, client: Redis, bounds: Bounds = Bounds()) -> None:  # noqa: B008  # it is frozen
        super().__init__(client, bounds)
        self._rights = client.register_script(_RIGHTS)
        self._put_tags = client.register_script(script("put_tags"))
        self._forget = client.register_script(script("forget"))

    def actor(self, actor: str) -> ActorState:
        """Return all that is known of one actor, in one round trip."""
        with reachable("read an actor"):
            return actor_of(self._answers(actor_commands(actor)))

    def dislike(self, actor: str, item_id: str, at_ms: int) -> None:
        """Never show this item to the actor again."""
        with reachable("note a dislike"):
            self._change(OnlineUpdate(disliked={actor: {item_id: at_ms}}))

    def undislike(self, actor: str, item_id: str) -> None:
        """Take a dislike back."""
        with reachable("take a dislike back"):
            self._client.zrem(disliked_key(actor), item_id)

    def withdraw(self, actor: str, at_ms: int) -> None:
        """Remove what was known until consent was withdrawn."""
        with reachable("note that consent was withdrawn"):
            self._change(OnlineUpdate(withdrawn={actor: at_ms}))

    def switch(self, actor: str, *, on: bool) -> None:
        """Note that the actor switched personalisation on or off."""
        with reachable("switch personalisation"):
            if on:
                self._client.srem(OFF_KEY, actor)
            else:
                self._shedding(partial(self._client.sadd, OFF_KEY, actor))

    def set_tag(self, actor: str, tag: str, weight: float) -> None:
        """Give the actor a tag, or note with a weight of 0 that it is deleted; the others stay."""

        def change(pipeline: Pipeline) -> None:
            held = cast("bytes | None", pipeline.get(tags_key(actor)))
            stored = decode_tags(held) if held else StoredTags("", {})
            changed = StoredTags(stored.run, stored.tags | {tag: weight})
            pipeline.multi()
            put_tags_of(self._put_tags, [(actor, changed)], self._bounds, pipeline)

        with reachable("change a tag"):
            self._shedding(lambda: self._client.transaction(change, tags_key(actor)))

    def holds(self, actor: str) -> int:
        """Return how many keys name this actor."""
        with reachable("count what it holds of an actor"):
            pipeline = self._client.pipeline(transaction=False)
            pipeline.exists(*_keys_of(actor))
            pipeline.sismember(OFF_KEY, actor)
            return sum(map(int, pipeline.execute()))

    def forget(self, actor: str) -> int:
        """Remove every key that names this actor, and what counts as theirs among few; return how many keys."""
        keys = _keys_of(actor)
        with reachable("forget an actor"):
            self._forget_among_few(actor)
            pipeline = self._client.pipeline(transaction=True)
            pipeline.zrem(HELD_ACTORS, actor)
            pipeline.delete(*keys)
            pipeline.srem(OFF_KEY, actor)
            return sum(pipeline.execute()[1:])

    def _forget_among_few(self, actor: str) -> None:
        """Before the keys go: by the items there the pairs that count in an hour are known."""
        pairs = [
            pair_of(actor, item.decode()) for item in cast("list[bytes]", self._client.zrange(recent_key(actor), 0, -1))
        ]
        hours = [hour.decode() for hour in cast("list[bytes]", self._client.zrange(HELD_HOURS, 0, -1))]
        if pairs:
            pipeline = self._client.pipeline(transaction=False)
            for hour in hours:
                pipeline.hdel(counted_key(int(hour)), *pairs)
            pipeline.execute()
        for family in ("few", "few_next"):
            names = iter(self._client.scan_iter(match=f"{family}:*", count=1_000))
            while slice_ := list(islice(names, _KEYS_AT_ONCE)):
                self._forget(keys=slice_, args=[digest_of(actor)])

    def _change(self, update: OnlineUpdate) -> None:
        actors = list(chain.from_iterable(dict.fromkeys((*update.disliked, *update.withdrawn), 0).items()))
        arguments = (*changes_of(update), actors, self._bounds.actors, to_ms(utc_now()) // 1000)
        self._shedding(lambda: self._rights(args=[_pack(arguments)]))


def _keys_of(actor: str) -> list[str]:
    names = (recent_key, seen_key, disliked_key, done_key, shown_key, signed_in_key, tags_key, withdrawn_key)
    return [key(actor) for key in names]


def changes_of(update: OnlineUpdate) -> tuple[list[Any], list[Any], list[Any]]:
    """Return who withdrew consent, whose refusals are taken back, and what is refused, as actors.lua takes them."""
    seconds = WITHDRAWN_TTL_DAYS * DAY_S
    withdrawn = [
        (
            recent_key(actor),
            disliked_key(actor),
            tags_key(actor),
            withdrawn_key(actor),
            at_ms,
            seconds,
            seen_key(actor),
            done_key(actor),
            shown_key(actor),
            signed_in_key(actor),
        )
        for actor, at_ms in update.withdrawn.items()
    ]
    restored = [(disliked_key(actor), list(names)) for actor, names in update.restored.items() if names]
    refused = [
        (disliked_key(actor), DISLIKED_TTL_DAYS * DAY_S, MAX_DISLIKED, flat(times))
        for actor, times in update.disliked.items()
        if times
    ]
    return withdrawn, restored, refused


def flat(scores: Mapping[str, float] | Mapping[int, int]) -> list[Any]:
    """Return score and name in turn, as ZADD takes them."""
    return list(chain.from_iterable((score, name) for name, score in scores.items()))
