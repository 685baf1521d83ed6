"""How long raw events stay: whole months go once they are old, dead letters by the day they were refused.

In: the first day that is kept. Out: what was dropped.
"""

from __future__ import annotations

from datetime import date

from civicrec.warehouse.ports import Warehouse

_MONTHS = "SELECT DISTINCT toYYYYMM(occurred_at) AS month FROM events WHERE occurred_at < {day:Date} ORDER BY month"
_OLD_DEAD_LETTERS = "seen_at < {day:Date}"


def drop_before(warehouse: Warehouse, day: date) -> list[int]:
    """Drop the months of raw events that ended before a day, and older dead letters; return the months (``202601``).

    A month goes as one partition, which costs nothing; the one in which the day lies stays until it is old as a whole.
    """
    old = [row["month"] for row in warehouse.rows(_MONTHS, {"day": day}) if row["month"] < day.year * 100 + day.month]
    for month in old:
        warehouse.command(f"ALTER TABLE events DROP PARTITION {int(month)}")
    if warehouse.rows(f"SELECT 1 FROM dead_letters WHERE {_OLD_DEAD_LETTERS} LIMIT 1", {"day": day}):
        warehouse.command(f"ALTER TABLE dead_letters DELETE WHERE {_OLD_DEAD_LETTERS}", {"day": day})
    return old
