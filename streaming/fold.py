"""Turns of one micro-batch in, updates of the online store out. Pure: the same batch gives the same updates.

Trends count the crowd; recent items, dislikes and co-clicks need the actor's consent. One actor is in one shard, so
what a shard needs to know about its actors is not changed by another shard of the same batch.
"""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from profiles.decay import forward_weight
from profiles.store import (
    CO_CLICK_HALF_LIFE_DAYS,
    CO_CLICK_WINDOW_HOURS,
    MAX_RECENT,
    OnlineUpdate,
    RecentItem,
)
from streaming.blocks import Turn

_HOUR_MS = 3_600_000
_WINDOW_MS = CO_CLICK_WINDOW_HOURS * _HOUR_MS
#: Turns in one shard. The store is blocked while a shard is applied: 500 turns of all different items and actors take
#: it about 20 ms, usual ones 5 ms.
SHARD_TURNS = 500
#: An item is paired with the last few the actor turned to: more pairs say less about each.
MAX_PAIRS = 5
#: Items of one actor that count in one batch. A person does not turn to more within seconds; a crawler does.
MAX_ITEMS_PER_ACTOR = 50


def fold(turns: Sequence[Turn], recent: Mapping[str, Sequence[RecentItem]]) -> list[OnlineUpdate]:
    """Return what each shard adds to the online store.

    Parameters
    ----------
    turns
        All turns of the batch, in any order.
    recent
        actor → what it turned to before this batch, newest first; for the actors of `personal_actors`.
    """
    by_actor: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        by_actor[turn.actor].append(turn)
    n_shards = max(1, math.ceil(len(turns) / SHARD_TURNS))
    shards: dict[int, _Shard] = {}
    for actor in sorted(by_actor):
        number = zlib.crc32(actor.encode()) % n_shards
        mine = sorted(by_actor[actor], key=lambda turn: (turn.at_ms, turn.item_id))
        shards.setdefault(number, _Shard()).add(actor, mine, recent.get(actor, ()))
    return [shards[number].update(number) for number in sorted(shards)]


def personal_actors(turns: Sequence[Turn]) -> list[str]:
    """Return the actors whose history `fold` needs, sorted."""
    return sorted({turn.actor for turn in turns if turn.is_personal and turn.weight})


class _Shard:
    """Updates of one shard, being added up."""

    def __init__(self) -> None:
        self.recent: dict[str, list[RecentItem]] = {}
        self.disliked: dict[str, list[str]] = {}
        self.interests: dict[int, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        self.co_clicks: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    def add(self, actor: str, turns: Sequence[Turn], before: Sequence[RecentItem]) -> None:
        for (hour, item_id), weight in strongest(turns).items():
            self.interests[hour][item_id][actor] = weight
        personal = [turn for turn in turns if turn.is_personal]
        if disliked := sorted({turn.item_id for turn in personal if not turn.weight}):
            self.disliked[actor] = disliked
        if liked := [turn for turn in personal if turn.weight]:
            self.recent[actor] = latest(liked)
            for one, other, weight in pairs(liked, before):
                self.co_clicks[one][other] += weight
                self.co_clicks[other][one] += weight

    def update(self, number: int) -> OnlineUpdate:
        return OnlineUpdate(
            shard=number,
            recent=self.recent,
            disliked=self.disliked,
            interests={hour: dict(by_item) for hour, by_item in self.interests.items()},
            co_clicks={item_id: dict(weights) for item_id, weights in self.co_clicks.items()},
        )


def strongest(turns: Sequence[Turn]) -> dict[tuple[int, str], float]:
    """Return (hour, item) → the strongest interest one actor showed, so that nobody counts twice in an hour."""
    found: dict[tuple[int, str], float] = {}
    for turn in turns:
        if not turn.weight:
            continue
        key = (turn.at_ms // _HOUR_MS, turn.item_id)
        if key in found or len(found) < MAX_ITEMS_PER_ACTOR:
            found[key] = max(turn.weight, found.get(key, 0.0))
    return found


def latest(turns: Sequence[Turn]) -> list[RecentItem]:
    """Return the newest items of one actor, newest first, each once, at most `MAX_RECENT`."""
    at = {turn.item_id: turn.at_ms for turn in sorted(turns, key=lambda turn: turn.at_ms)}
    newest = sorted(at.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)[:MAX_RECENT]
    return [RecentItem(item_id, at_ms) for item_id, at_ms in newest]


def pairs(turns: Sequence[Turn], before: Sequence[RecentItem]) -> list[tuple[str, str, float]]:
    """Return the pairs (item, earlier item, weight) that one actor's turns make.

    An item is paired when the actor turns to it for the first time within the window, with the last `MAX_PAIRS` other
    items of the window; coming back to it adds nothing. The weight is forward-decayed from the later of the two times.

    Parameters
    ----------
    turns
        In order of time.
    before
        What the actor turned to before, newest first.
    """
    # Insertion order is order of turning, latest last.
    seen = {item.item_id: item.at_ms for item in reversed(before)}
    found: list[tuple[str, str, float]] = []
    n_items = 0
    for turn in turns:
        last_at = seen.pop(turn.item_id, None)
        if (last_at is None or abs(turn.at_ms - last_at) > _WINDOW_MS) and n_items < MAX_ITEMS_PER_ACTOR:
            n_items += 1
            near = [(other, at) for other, at in reversed(seen.items()) if abs(turn.at_ms - at) <= _WINDOW_MS]
            for other, at in near[:MAX_PAIRS]:
                weight = forward_weight(max(turn.at_ms, at), CO_CLICK_HALF_LIFE_DAYS)
                found.append((turn.item_id, other, weight))
        seen[turn.item_id] = max(turn.at_ms, last_at or 0)
    return found
