"""Interactions one by one, in order of time: what a ranker learns from.

In: `events FINAL`. Out: one row per event, of those that `interests` counts.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from civicrec.events import INTEREST_WEIGHTS
from civicrec.warehouse.interests import ACTOR, WITHDRAWALS
from civicrec.warehouse.ports import Warehouse

_SQL = f"""
SELECT turned.who AS actor, item_id, weight, at_ms FROM (
    SELECT {ACTOR} AS who, item_id, event_id,
           transform(toString(kind), {{kinds:Array(String)}}, {{strengths:Array(Float64)}}, 0.) AS weight,
           toUnixTimestamp64Milli(occurred_at) AS at_ms
    FROM events FINAL
    WHERE local_date BETWEEN {{first:Date}} AND {{last:Date}} AND has({{kinds:Array(String)}}, toString(kind))
      AND consent = 'personalise' AND bot_reason = '' AND who != '' AND item_id != ''
    ORDER BY at_ms DESC, event_id DESC LIMIT {{n:UInt64}}
) AS turned
LEFT JOIN ({WITHDRAWALS}) AS gone ON gone.who = turned.who
WHERE at_ms > gone.until_ms
ORDER BY at_ms, event_id
"""


def read_clicks(warehouse: Warehouse, first: date, last: date, n: int) -> pa.Table:
    """Return actor, item_id, weight, at_ms of the newest `n` interactions of the days first..last, oldest first.

    Only events with consent `personalise`, without a bot mark, of the kinds in `INTEREST_WEIGHTS`, and none from before
    its actor withdrew consent.
    """
    parameters = {
        "kinds": list(INTEREST_WEIGHTS), "strengths": list(INTEREST_WEIGHTS.values()),
        "first": first, "last": last, "n": n,
    }  # fmt: skip
    return warehouse.query(_SQL, parameters)
