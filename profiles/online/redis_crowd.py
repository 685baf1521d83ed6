"""What many did, read from Redis or Valkey."""

from __future__ import annotations

from collections.abc import Sequence

from profiles.online.ports import MAX_CO_CLICKED, MAX_NEXT_CLICKED
from profiles.online.redis_calls import RedisCalls, reachable
from profiles.online.redis_keys import CROWD_KEY, co_key, next_key, trend_key
from profiles.online.redis_queries import neighbours_of, pair_commands


class RedisCrowdReader(RedisCalls):
    """A `CrowdReader`."""

    def trends(self, hours: Sequence[int]) -> dict[int, dict[str, float]]:
        """Return hour → item → weight for the hours asked that have any."""
        with reachable("read trends"):
            answers = self._answers([("ZRANGE", trend_key(hour), 0, -1, "WITHSCORES") for hour in hours])
        by_hour = zip(hours, answers, strict=True)
        return {hour: {name.decode(): weight for name, weight in pairs} for hour, pairs in by_hour if pairs}

    def crowded(self, since_hour: int) -> frozenset[str]:
        """Return the items that a crowd interacted with, seen since that epoch hour."""
        with reachable("read what a crowd interacted with"):
            (names,) = self._answers([("ZRANGEBYSCORE", CROWD_KEY, since_hour, "+inf")])
        return frozenset(name.decode() for name in names)

    def co_clicks(self, item_ids: Sequence[str], n: int = MAX_CO_CLICKED) -> dict[str, list[tuple[str, float]]]:
        """Return item → up to `n` (neighbour, weight), heaviest first, for the items that have any."""
        with reachable("read co-clicks"):
            return neighbours_of(item_ids, self._answers(pair_commands(co_key, item_ids, n)))

    def next_clicks(self, item_ids: Sequence[str], n: int = MAX_NEXT_CLICKED) -> dict[str, list[tuple[str, float]]]:
        """Return item → up to `n` (next item, weight), heaviest first, for the items that have any."""
        with reachable("read next clicks"):
            return neighbours_of(item_ids, self._answers(pair_commands(next_key, item_ids, n)))
