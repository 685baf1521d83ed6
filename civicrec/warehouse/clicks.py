"""Interactions one by one, in order of time: what a ranker learns from.

In: `events FINAL`. Out: one row per event, of those that `interests` counts.
"""

from __future__ import annotations

import hashlib
from datetime import date

import pyarrow as pa

from civicrec.warehouse.interests import COUNTED, STRENGTHS, WITHDRAWALS
from civicrec.warehouse.ports import Warehouse

_SQL = f"""
SELECT turned.who AS actor, item_id, strength AS weight, at_ms, halfMD5(toString(event_id)) / exp2(64) AS draw
FROM ({COUNTED} ORDER BY at_ms DESC, event_id DESC LIMIT {{n:UInt64}}) AS turned
LEFT JOIN ({WITHDRAWALS}) AS gone ON gone.who = turned.who
WHERE at_ms > gone.until_ms
ORDER BY at_ms, event_id
"""


def draw_of(event_id: str) -> float:
    """Return the `draw` of an event, by its id as text."""
    digest = hashlib.md5(event_id.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def read_clicks(warehouse: Warehouse, first: date, last: date, n: int) -> pa.Table:
    """Return actor, item_id, weight, at_ms, draw of the newest `n` interactions of the days first..last, oldest first.

    A share of them is drawn by taking those whose `draw`, of 0..1, is below it: whatever reads them, and wherever,
    draws the same, and of a larger share those of a smaller one are a part.

    Only events with consent `personalise`, without a bot mark, of the kinds in `INTEREST_WEIGHTS`, and none from before
    its actor withdrew consent.
    """
    return warehouse.query(_SQL, {**STRENGTHS, "first": first, "last": last, "n": n})
