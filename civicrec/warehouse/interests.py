"""Who interacted with what: the question that the nightly models start from, and what counts as an interaction.

In: `events FINAL`. Out: one row per (actor, item), in order of both, so that what is built from it is repeatable.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from civicrec.events import INTEREST_WEIGHTS
from civicrec.warehouse.ports import Warehouse

#: One actor's most for one item, in clicks: a click and a submission. However often somebody reloads a page,
#: the item gains no more in any model (算法推荐管理规定 Art. 14 forbids lists that clicks by one hand can lift).
MAX_PAIR_WEIGHT = 5.0

#: What an anonymous id counts under, as `civicrec.events.anonymous_actor` has it.
_ANONYMOUS = (
    "if(length(anonymous_id) = 32 AND NOT match(anonymous_id, '[^0-9a-f]'), concat('a:', anonymous_id), anonymous_id)"
)
#: Who an event counts under, as `civicrec.events.Event.actor` has it: rows of before hold an anonymous id of 32 hex
#: digits as it was sent.
ACTOR = f"if(subject_id = '' AND anonymous_id != '', {_ANONYMOUS}, actor)"
#: Whose consent a `consent_withdrawn` ends, as `streaming.enrich.withdrawing` has it.
WITHDRAWING = f"arrayFilter(name -> name != '', [subject_id, {_ANONYMOUS}])"

#: The last withdrawal of each actor since a day, `first`.
WITHDRAWALS = f"""
SELECT arrayJoin({WITHDRAWING}) AS who, max(toUnixTimestamp64Milli(occurred_at)) AS until_ms FROM events
WHERE kind = 'consent_withdrawn' AND local_date >= {{first:Date}} GROUP BY who
"""

#: Which events are interactions, of the days `first` to `last`.
COUNTING = """
local_date BETWEEN {first:Date} AND {last:Date} AND has({kinds:Array(String)}, toString(kind))
AND consent = 'personalise' AND bot_reason = '' AND item_id != ''
"""
#: What counts as an interaction, each once: who, item_id, event_id, strength, local_date, at_ms of the days `first` to
#: `last`.
COUNTED = f"""
SELECT {ACTOR} AS who, item_id, event_id,
       transform(toString(kind), {{kinds:Array(String)}}, {{strengths:Array(Float64)}}, 0.) AS strength,
       local_date, toUnixTimestamp64Milli(occurred_at) AS at_ms
FROM events FINAL
WHERE {COUNTING} AND who != ''
"""
#: Values of `kinds` and `strengths` in `COUNTED`.
STRENGTHS = {"kinds": list(INTEREST_WEIGHTS), "strengths": list(INTEREST_WEIGHTS.values())}

_SQL = f"""
SELECT turned.who AS actor, item_id, least(sum(strength), {{cap:Float64}}) AS weight, max(at_ms) AS last_ms
FROM (SELECT * FROM ({COUNTED}) WHERE sipHash64(who) % {{parts:UInt32}} = {{part:UInt32}}) AS turned
LEFT JOIN ({WITHDRAWALS}) AS gone ON gone.who = turned.who
WHERE at_ms > gone.until_ms
GROUP BY actor, item_id
ORDER BY actor, item_id
"""
_SIZE = f"SELECT count() AS n, sum(sipHash64(who, item_id, event_id, strength, at_ms)) AS digest FROM ({COUNTED})"


def count_interactions(warehouse: Warehouse, first: date, last: date) -> tuple[int, int]:
    """Return how many interactions the days hold, withdrawn ones among them, and a number that changes with any."""
    (row,) = warehouse.rows(_SIZE, {**STRENGTHS, "first": first, "last": last})
    return int(row["n"]), int(row["digest"])


def read_interests(warehouse: Warehouse, first: date, last: date, part: int = 0, parts: int = 1) -> pa.Table:
    """Return actor, item_id, weight, last_ms for every pair of the days first..last, both included.

    Only events with consent `personalise`, without a bot mark, of the kinds in `INTEREST_WEIGHTS` count, each once, and
    none from before its actor withdrew consent.

    Parameters
    ----------
    part, parts
        Of all actors those of one of so many parts, about as large; an actor is always in the same.
    """
    parameters = {
        "cap": MAX_PAIR_WEIGHT,
        **STRENGTHS,
        "first": first,
        "last": last,
        "part": part,
        "parts": parts,
    }
    return warehouse.query(_SQL, parameters)


def withdrawals(warehouse: Warehouse, first: date) -> dict[str, int]:
    """Return actor → epoch ms of the last withdrawal of consent, of those since a day."""
    return {row["who"]: row["until_ms"] for row in warehouse.rows(WITHDRAWALS, {"first": first})}
