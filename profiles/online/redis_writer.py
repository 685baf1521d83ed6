"""What the stream writes into Redis or Valkey, and how far each log is done."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

import msgspec
from redis import Redis

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
from civicrec.crowds import MIN_ORDERING
from civicrec.items import hash_of
from profiles.online.bounds import LATE_SHARE, MAX_HOURS, Bounds
from profiles.online.ports import (
    CO_CLICK_TTL_DAYS,
    COUNTED_TTL_HOURS,
    CROWD_HOURS,
    DONE_TTL_DAYS,
    MAX_CO_CLICKED,
    MAX_DONE,
    MAX_FEW,
    MAX_FEW_TRENDS,
    MAX_NEXT_CLICKED,
    MAX_RECENT,
    MAX_SEEN,
    MAX_SHOWINGS,
    MAX_SHOWN,
    MAX_SIGNED_IN,
    MAX_TREND_ITEMS,
    RECENT_TTL_DAYS,
    RECOVERED_TTL_DAYS,
    SEEN_TTL_DAYS,
    SHOWN_TTL_DAYS,
    SIGNED_IN_TTL_DAYS,
    TREND_TTL_HOURS,
    Incomplete,
    Known,
    OnlineUpdate,
    RecentItem,
)
from profiles.online.pseudonyms import digest_of, hashes_of, pair_of
from profiles.online.redis_calls import DAY_S, RedisCalls, reachable, script
from profiles.online.redis_keys import (
    COMPLETE_KEY,
    CROWD_KEY,
    FEW_TRENDS_KEY,
    co_key,
    counted_key,
    done_key,
    few_key,
    few_next_key,
    next_key,
    recent_key,
    recovered_key,
    seen_key,
    shown_key,
    signed_in_key,
    trend_key,
    withdrawn_key,
)
from profiles.online.redis_queries import Command, largest, recent_items
from profiles.online.redis_rights import changes_of, flat

_APPLY = script("actors", "apply")
#: Moves the events of a dead letter from rejected to stored unless its name is in the set of those that were.
_RECOVER = """
if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], ARGV[2], -ARGV[3])
  redis.call('HINCRBY', KEYS[1], 'stored', ARGV[3])
end
redis.call('EXPIRE', KEYS[2], ARGV[4])
"""

_pack = msgspec.msgpack.Encoder().encode


class RedisOnlineWriter(RedisCalls):
    """An `OnlineWriter`."""

    def __init__(self, client: Redis, bounds: Bounds = Bounds()) -> None:  # noqa: B008  # it is frozen
        super().__init__(client, bounds)
        self._apply = client.register_script(_APPLY)
        self._recover = client.register_script(_RECOVER)

    def apply(self, commit: Commit, update: OnlineUpdate, *, only_complete: bool = False) -> bool:
        """Apply the update unless its records may have been committed since; return whether it was."""
        moved, added = fields_of_commit(commit)
        withdrawn, restored, refused = changes_of(update)
        other_partitions = {
            partition_field(partition): reached for partition, reached in commit.other_partitions.items()
        }
        claim = (
            partition_field(commit.partition), commit.first, list(chain(*moved.items())), list(chain(*added.items())),
            division(commit.partition), other_partitions, commit.log, only_complete, withdrawn, restored,
            (self._bounds.min_actors, *_CROWD),
        )  # fmt: skip
        keys = [progress_key(commit.log), LOGS_KEY, COMPLETE_KEY]
        with reachable("apply an update"):
            args = [_pack(claim), _commands(update, refused, self._bounds)]
            answer = int(self._shedding(lambda: self._apply(keys=keys, args=args)))
        if answer < 0:
            raise Incomplete
        return answer == 1

    def progress(self, log: str) -> CommittedProgress:
        """Return what is done of a log."""
        with reachable("read what is committed"):
            return progress_of(self._client.hgetall(progress_key(log)))

    def done(self) -> dict[str, CommittedProgress]:
        """Return what is done of every log."""
        with reachable("read what is committed"):
            return read_all_progress(self._client)

    def recover(self, log: str, dead_letter: tuple[int, int], reason: str, n_events: int) -> None:
        """Count the events of a dead letter as stored, once."""
        keys = [progress_key(log), recovered_key(log)]
        name, seconds = f"{dead_letter[0]}:{dead_letter[1]}", RECOVERED_TTL_DAYS * DAY_S
        with reachable("count a recovered dead letter"):
            self._recover(keys=keys, args=[name, f"rejected:{reason}", n_events, seconds])

    def known_of(self, actors: Sequence[str], others: Sequence[str] = ()) -> Known:
        """Return what is known of these actors, and when `others` withdrew consent, in one round trip."""
        if not (actors or others):
            return Known({}, {})
        commands: list[Command] = [largest(recent_key(actor), MAX_RECENT) for actor in actors]
        with reachable("read what is known of actors"):
            asked = (*actors, *others)
            *recent, withdrawn = self._answers([*commands, ("MGET", *map(withdrawn_key, asked))])
        return Known(
            {actor: recent_items(pairs) for actor, pairs in zip(actors, recent, strict=True) if pairs},
            {actor: int(at) for actor, at in zip(asked, withdrawn, strict=True) if at is not None},
        )


#: What apply.lua needs to tell a crowd from a few, and how it keeps both.
_CROWD = (
    FEW_TRENDS_KEY, CROWD_KEY, CROWD_HOURS, MAX_FEW, MAX_FEW_TRENDS, TREND_TTL_HOURS * 3_600,
    MAX_TREND_ITEMS, CO_CLICK_TTL_DAYS * DAY_S, MIN_ORDERING,
)  # fmt: skip


def _commands(update: OnlineUpdate, refused: list[Any], bounds: Bounds) -> bytes:
    """Write an update as the MessagePack that apply.lua reads."""
    digests = cache(digest_of)  # of this update alone
    newest: list[Any] = [
        (recent_key(actor), RECENT_TTL_DAYS * DAY_S, MAX_RECENT, flat(_newest(items)))
        for actor, items in update.recent.items()
        if items
    ] + [
        (seen_key(actor), SEEN_TTL_DAYS * DAY_S, MAX_SEEN, flat(hashes_of(items)))
        for actor, items in chain(update.recent.items(), update.seen.items())
        if items
    ] + [
        (done_key(actor), DONE_TTL_DAYS * DAY_S, MAX_DONE, flat(times)) for actor, times in update.done.items() if times
    ] + [
        (signed_in_key(actor), SIGNED_IN_TTL_DAYS * DAY_S, MAX_SIGNED_IN, flat(times))
        for actor, times in update.signed_in.items()
        if times
    ]  # fmt: skip
    added = [
        (
            key(item_id), CO_CLICK_TTL_DAYS * DAY_S, bound,
            [part for other, weights in others.items() for actor, weight in weights.items()
             for part in (weight, other, digests(actor))],
            few(item_id), item_id,
        )
        for pairs, key, bound, few in (
            (update.co_clicks, co_key, MAX_CO_CLICKED, few_key),
            (update.next_clicks, next_key, MAX_NEXT_CLICKED, few_next_key),
        )
        for item_id, others in pairs.items()
    ]  # fmt: skip
    counted = [
        (
            trend_key(hour), TREND_TTL_HOURS * 3_600, bounds.trend_items,
            counted_key(hour), COUNTED_TTL_HOURS * 3_600, bounds.counted,
            [part for item_id, weights in by_item.items() for actor, weight in weights.items()
             for part in (pair_of(actor, item_id), item_id, weight, digests(actor))],
            str(hour),
        )
        for hour, by_item in update.interests.items()
    ]  # fmt: skip
    shown = [
        (
            shown_key(actor), SHOWN_TTL_DAYS * DAY_S, MAX_SHOWN, MAX_SHOWINGS,
            list(chain.from_iterable((hash_of(item_id), sorted(times, reverse=True)) for item_id, times in by.items())),
        )
        for actor, by in update.shown.items()
        if by
    ]  # fmt: skip
    came_s: dict[str, int] = {actor: 0 for actor, names in update.disliked.items() if names}
    came_s |= dict.fromkeys(update.withdrawn, 0)
    for actor, items in chain(update.seen.items(), update.recent.items()):
        if items:
            came_s[actor] = max(came_s.get(actor, 0), *(item.at_ms // 1000 for item in items))
    for actor, times in chain(update.done.items(), update.signed_in.items()):
        if times:
            came_s[actor] = max(came_s.get(actor, 0), max(times.values()) // 1000)
    for actor, by in update.shown.items():
        if by:
            came_s[actor] = max(came_s.get(actor, 0), *map(max, by.values()))
    limits = (bounds.actors, bounds.co_items, MAX_HOURS, LATE_SHARE, to_ms(utc_now()) // 1000)
    return _pack((newest, refused, added, counted, list(chain(*came_s.items())), limits, shown))


def _newest(items: Sequence[RecentItem]) -> dict[str, int]:
    at: dict[str, int] = {}
    for item in items:
        at[item.item_id] = max(item.at_ms, at.get(item.item_id, item.at_ms))
    return at
