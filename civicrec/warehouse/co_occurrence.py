"""Co-occurrence counted where the events are: nobody's history leaves the warehouse, only sums over all actors.

In: `events`, which may be a Distributed table over many machines. Out: `PairCounts`. Every statement groups the events
of an actor first, which each shard does with its own, and all sums are of whole numbers, so that shards, parts and
orders do not matter.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from civicrec.warehouse.day_tables import drop_days_before, replace_day
from civicrec.warehouse.interests import ACTOR, COUNTING, STRENGTHS, WITHDRAWALS
from civicrec.warehouse.ports import Warehouse

#: Of an actor with more items only so many count towards what pairs share by chance: one crawler must not explain all.
MOST_ITEMS = 500
#: Pairs counted by one statement, each as often as it comes: 40 bytes each at most, were no two alike.
PAIRS_AT_ONCE = 50_000_000
_WEIGHT_UNITS = 1 << 20
_DAY_MS = 86_400_000

#: What an event is told apart by: what its item is called by number, its actor's last withdrawal of consent. GLOBAL:
#: each is asked for once, whatever the number of shards.
_NUMBERED = """
GLOBAL INNER JOIN (SELECT item_id AS numbered, number FROM item_numbers WHERE day = {last:Date}) AS numbers
ON numbered = item_id
"""
_NOT_WITHDRAWN = f"GLOBAL LEFT JOIN (SELECT who AS gone, until_ms FROM ({WITHDRAWALS})) AS withdrawn ON gone = {ACTOR}"
_AT_MS = "toUnixTimestamp64Milli(occurred_at)"
_WHERE = f"WHERE {COUNTING} AND {ACTOR} != '' AND {_AT_MS} > until_ms"

_ITEMS = f"""
SELECT item_id, uniqExact(sipHash64({ACTOR})) AS actors, max({_AT_MS}) AS last_ms
FROM events FINAL {_NOT_WITHDRAWN} {_WHERE} AND {_AT_MS} > {{since_ms:Int64}}
GROUP BY item_id
"""
_HISTORIES = f"""
SELECT {ACTOR} AS reader, arraySort(groupUniqArray(number)) AS items
FROM events FINAL {_NUMBERED} {_NOT_WITHDRAWN} {_WHERE}
GROUP BY reader
"""
_SUMS = f"""
SELECT count() AS actors, sum(d) AS items, sum(d * (d - 1)) AS items_2, sum(intDiv(n * (n + 1), 2)) AS pairs
FROM (SELECT length(items) AS n, least(n, {MOST_ITEMS}) AS d FROM ({_HISTORIES}))
"""
_PAIRS = f"""
SELECT one, other, count() AS actors, sum(weight) AS weights
FROM (
    SELECT one, arrayJoin(arrayFilter(number -> number >= one, items)) AS other, weight
    FROM (
        SELECT items, arrayJoin(arrayFilter(number -> number % {{parts:UInt32}} = {{part:UInt32}}, items)) AS one,
               arrayCount(number -> number < {{active:UInt32}}, items) AS n_active,
               toUInt64(floor({_WEIGHT_UNITS} / sqrt(greatest(n_active, 1)))) AS weight
        FROM ({_HISTORIES})
    )
)
GROUP BY one, other
HAVING actors >= {{min_actors:UInt32}} OR other < {{active:UInt32}} OR one = other
"""


def weight_of(n_items: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return how much histories of so many active items count in EASE, each n**-0.5 in whole parts of a million.

    What many items of one reader say, they say together. Chosen on a part of MSWEB's training file (rank score of
    hidden pages 63.4, unweighted 63.2); on MovieLens the two are alike.
    """
    weights: NDArray[np.float64] = np.floor(_WEIGHT_UNITS / np.sqrt(np.maximum(n_items, 1)))
    return weights


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Sums over all actors; items are numbered by how many actors they have, the most first, then by id.

    Attributes
    ----------
    n_actors, chance
        How many there are; Σd and Σd(d - 1), d being the items of an actor, at most `MOST_ITEMS`.
    item_actors, recent_actors
        Of each item in order of id: its actors, and those who came to it in the last days.
    one, other, actors, weights
        Of each pair, ``one <= other``: who interacted with both, and the sum of `weight_of` over them. An item with
        itself is there. Of pairs with an item that is not active, only those of `min_actors`.
    max_active
        Numbers below are active.
    """

    n_actors: int
    chance: tuple[int, int]
    item_actors: NDArray[np.int64]
    recent_actors: NDArray[np.int64]
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    actors: NDArray[np.int64]
    weights: NDArray[np.float64]
    max_active: int
    min_actors: int


def count_pairs(
    warehouse: Warehouse, first: date, last: date, known: Collection[str], recent_days: int, max_active: int,
    min_actors: int,
) -> tuple[tuple[str, ...], int, PairCounts]:  # fmt: skip
    """Count the interactions that `interests` counts, of items that are `known`.

    Returns
    -------
    item_ids, n_unknown, counts
        Items in order of id, and of how many others there were interactions.
    """
    days = {**STRENGTHS, "first": first, "last": last}
    found = {row["item_id"]: row for row in warehouse.query(_ITEMS, {**days, "since_ms": 0}).to_pylist()}
    item_ids = tuple(sorted(found.keys() & set(known)))
    item_actors = np.array([found[item_id]["actors"] for item_id in item_ids], np.int64)
    since_ms = max((found[item_id]["last_ms"] for item_id in item_ids), default=0) - recent_days * _DAY_MS
    newer = warehouse.query(_ITEMS, {**days, "since_ms": since_ms}).to_pylist()
    recent = {row["item_id"]: row["actors"] for row in newer}
    numbers = np.empty(len(item_ids), np.int64)
    numbers[np.argsort(-item_actors, kind="stable")] = np.arange(len(item_ids))
    replace_day(warehouse, "item_numbers", last, [{"item_id": item_ids, "number": numbers.tolist()}])
    drop_days_before(warehouse, "item_numbers", last)
    (sums,) = warehouse.rows(_SUMS, days)
    parts = max(1, -(-int(sums["pairs"]) // PAIRS_AT_ONCE))
    limits = {"active": max_active, "min_actors": min_actors, "parts": parts}
    columns = [_pairs(warehouse, {**days, **limits, "part": part}) for part in range(parts)]
    one, other, actors, weights = (np.concatenate(of_parts) for of_parts in zip(*columns, strict=True))
    return item_ids, len(found) - len(item_ids), PairCounts(
        int(sums["actors"]), (int(sums["items"]), int(sums["items_2"])), item_actors,
        np.array([recent.get(item_id, 0) for item_id in item_ids], np.int64),
        one, other, actors, weights.astype(np.float64), max_active, min_actors,
    )  # fmt: skip


def _pairs(warehouse: Warehouse, parameters: dict[str, Any]) -> list[NDArray[np.int64]]:
    table = warehouse.query(_PAIRS, parameters)
    return [table.column(name).to_numpy().astype(np.int64) for name in ("one", "other", "actors", "weights")]
