"""How much of each kind the online store may hold, from the memory it has.

In: settings. Out: `Bounds`. What goes beyond is shed, least active and oldest first, and counted; a list in
docs/operations.md says what each family of keys may take.
"""

from __future__ import annotations

from dataclasses import dataclass

from civicrec.crowds import K_ANONYMITY
from civicrec.settings import RedisSettings
from profiles.online.ports import MAX_COUNTED, MAX_TREND_ITEMS, TREND_TTL_HOURS

#: Hours that have a trend: those that are read, and a few for clocks that differ.
MAX_HOURS = TREND_TTL_HOURS + 8
#: Of an hour long past, the share of the pairs that an hour of today may have: few interactions come so late.
LATE_SHARE = 20
_MB = 1 << 20
#: What one entry takes in Valkey 9, rounded up: an actor with a click takes some 440 bytes, with 50 clicks 2 500; 100
#: neighbours 4 KB, 50 next items 2 KB, and as much those that few actors made yet.
_ACTOR_BYTES, _CO_BYTES, _TREND_BYTES, _PAIR_BYTES = 512, 12_288, 100, 90
#: Shares of the memory in hundredths; the rest is Valkey's own, and what entries take beyond the usual.
_ACTOR_SHARE, _CO_SHARE, _TREND_SHARE, _PAIR_SHARE = 40, 15, 10, 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """Entries held at most.

    Attributes
    ----------
    actors
        Actors of whom anything is known.
    co_items
        Items that have neighbours.
    trend_items
        Items in the trend of one hour.
    counted
        Pairs of actor and item known of one of the newest hours; an older hour has a twentieth.
    min_actors
        How many must stand behind a trend or a pair of items before it is told of.
    """

    actors: int = 400_000
    co_items: int = 20_000
    trend_items: int = MAX_TREND_ITEMS
    counted: int = MAX_COUNTED
    min_actors: int = K_ANONYMITY


def bounds_of(redis: RedisSettings) -> Bounds:
    """Return the bounds for a store of this size.

    Examples
    --------
    >>> bounds_of(RedisSettings(max_memory_mb=16)).actors
    13107
    """
    part = redis.max_memory_mb * _MB // 100
    hours = 4 + MAX_HOURS // LATE_SHARE
    return Bounds(
        actors=redis.max_actors or part * _ACTOR_SHARE // _ACTOR_BYTES,
        co_items=part * _CO_SHARE // _CO_BYTES,
        trend_items=min(MAX_TREND_ITEMS, part * _TREND_SHARE // _TREND_BYTES // MAX_HOURS),
        counted=min(MAX_COUNTED, part * _PAIR_SHARE // _PAIR_BYTES // hours),
        min_actors=redis.min_actors,
    )
