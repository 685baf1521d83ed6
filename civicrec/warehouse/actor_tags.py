"""Tags weighed where the events are: interactions of the window and tags of items → weights of every actor.

In: `events`, and what each item teaches. Out: `actor_tags` of a day, made by one statement for each part of the actors.
The same rules one event at a time are `profiles.evidence`. Sums are of whole numbers, so that threads, parts and orders
do not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from civicrec.warehouse.day_tables import compute_day, drop_days_before, replace_day
from civicrec.warehouse.interests import COUNTED, STRENGTHS, WITHDRAWALS
from civicrec.warehouse.ports import Warehouse

#: One actor's most for one item on one day, in clicks: a click and a submission. However often somebody reloads a
#: page, it says no more of them (算法推荐管理规定 Art. 14 forbids lists that clicks by one hand can lift).
MAX_DAY_WEIGHT = 5.0
#: Interactions weighed by one statement; of two million one takes some 0.7 GB in the warehouse.
INTERACTIONS_AT_ONCE = 2_000_000
#: Parts of a weight, which are added up instead of it: a sum of fractions depends on their order.
_UNITS = 1 << 30

#: What people deleted, while tags are weighed: in memory only, and so many do not fit into an address.
DELETED = "actor_tags_deleted"
_DELETED_AT_ONCE = 100_000
# An item's days stay together until its tags are known, because each tag has a half-life of its own.
_WEIGH = f"""
SELECT {{last:Date}} AS day, who AS actor, tag,
       sum(units) / {_UNITS} AS weight, count() AS evidence,
       sum(newest_units) / {_UNITS} AS newest, newest / (newest + any(min_evidence)) AS confidence,
       fromUnixTimestamp64Milli(max(last_ms), 'UTC') AS last_at
FROM (
    SELECT who, tag, min_evidence, last_ms,
           arraySum(day -> toUInt64(round(day.2 * exp2(-day.1 / half_life_days) * {_UNITS})), days) AS units,
           toUInt64(round(exp2(-least_age / half_life_days) * {_UNITS})) AS newest_units
    FROM (
        SELECT who, item_id, groupArray((age_days, strength)) AS days, min(age_days) AS least_age,
               max(last_ms) AS last_ms
        FROM (
            SELECT turned.who AS who, item_id, {{last:Date}} - local_date AS age_days,
                   least(sum(strength), {MAX_DAY_WEIGHT}) AS strength, max(at_ms) AS last_ms
            FROM (SELECT * FROM ({COUNTED}) WHERE sipHash64(who) % {{parts:UInt32}} = {{part:UInt32}}) AS turned
            LEFT JOIN ({WITHDRAWALS}) AS gone ON gone.who = turned.who
            WHERE at_ms > gone.until_ms
            GROUP BY who, item_id, age_days
        )
        GROUP BY who, item_id
    ) AS used
    INNER JOIN (SELECT item_id, tag, half_life_days, min_evidence FROM item_tags WHERE day = {{last:Date}}) AS taught
    ON taught.item_id = used.item_id
)
WHERE (who, tag) NOT IN (SELECT actor, tag FROM {DELETED})
GROUP BY actor, tag
HAVING evidence >= any(min_evidence) AND weight > 0
"""
_COLUMNS = ("day", "actor", "tag", "weight", "evidence", "confidence", "last_at")
_OF_ACTORS = """
SELECT actor, groupArray(toString(tag)) AS tags, groupArray(weight) AS weights
FROM (
    SELECT actor, tag, weight FROM actor_tags
    WHERE day = {day:Date} AND sipHash64(actor) % {parts:UInt32} = {part:UInt32}
)
GROUP BY actor ORDER BY actor
"""


class TaughtTag(NamedTuple):
    """A tag that interacting with an item may give."""

    name: str
    half_life_days: float
    min_evidence: int


def weigh_actors(
    warehouse: Warehouse, first: date, day: date, parts: int, taught: Mapping[str, Sequence[TaughtTag]],
    deleted: Collection[tuple[str, str]],
) -> int:  # fmt: skip
    """Weigh the tags of every actor by the days `first` to `day`; return how many rows `actor_tags` has of `day`.

    An event counts as `civicrec.warehouse.interests` has it. On each day an item gives an actor at most
    `MAX_DAY_WEIGHT`, which halves every ``half_life_days`` since that day; a click of the last day weighs 1. A tag
    needs ``min_evidence`` different items. Its confidence is n / (n + min_evidence), n being these items, each counted
    by what is left of its newest day.

    Parameters
    ----------
    parts
        Into how many parts the actors are cut, by a hash of who they are.
    taught
        item id → tags, each once; an item that is absent teaches none.
    deleted
        (actor, tag) pairs that people deleted: never given.
    """
    rows = [(item_id, *tag) for item_id, tags in sorted(taught.items()) for tag in tags]
    names = ("item_id", "tag", "half_life_days", "min_evidence")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
    replace_day(warehouse, "item_tags", day, [columns])
    drop_days_before(warehouse, "item_tags", day)
    asked = [{**STRENGTHS, "first": first, "last": day, "parts": parts, "part": part} for part in range(parts)]
    _put_deleted(warehouse, deleted)
    try:
        return compute_day(warehouse, "actor_tags", day, f"SELECT {', '.join(_COLUMNS)} FROM ({_WEIGH})", asked)
    finally:
        warehouse.command(f"DROP TABLE IF EXISTS {DELETED} SYNC")


def weights_by_actor(warehouse: Warehouse, day: date, parts: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each actor of a day once, with tag → weight; a part of them is read at once."""
    for part in range(parts):
        table = warehouse.query(_OF_ACTORS, {"day": day, "parts": parts, "part": part})
        for batch in table.to_batches(max_chunksize=10_000):  # as Python's own values one is ten times as large
            columns = (batch.column(name).to_pylist() for name in ("actor", "tags", "weights"))
            for actor, tags, weights in zip(*columns, strict=True):
                yield actor, dict(zip(tags, weights, strict=True))


def parts_of(n_interactions: int) -> int:
    """Return into how many parts the actors of so many interactions are cut."""
    return max(1, -(-n_interactions // INTERACTIONS_AT_ONCE))


def _put_deleted(warehouse: Warehouse, deleted: Collection[tuple[str, str]]) -> None:
    warehouse.command(f"DROP TABLE IF EXISTS {DELETED} SYNC")
    warehouse.command(f"CREATE TABLE {DELETED} (actor String, tag String) ENGINE = Memory")
    every = sorted(deleted)
    for start in range(0, len(every), _DELETED_AT_ONCE):
        actors, tags = zip(*every[start : start + _DELETED_AT_ONCE], strict=True)
        warehouse.insert(DELETED, {"actor": actors, "tag": tags})
