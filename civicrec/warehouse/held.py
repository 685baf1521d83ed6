"""How much the warehouse holds of a range of log records. In: a log and offsets. Out: `Held`."""

from __future__ import annotations

from civicrec.accounting.proofs import Held
from civicrec.warehouse.ports import Warehouse

# Of rows not merged yet, two of one event count once.
_EVENTS = """
SELECT toString(toYYYYMM(occurred_at)) AS month, uniqExact(event_id) AS n,
       uniqExactIf(event_id, received_at > occurred_at + toIntervalSecond({known_s:UInt32})) AS late
FROM events WHERE log = {log:String} AND log_offset > {first:UInt64} AND log_offset <= {last:UInt64}
GROUP BY month
"""
_REFUSED = """
SELECT sum(n_events) AS n FROM dead_letters FINAL
WHERE log = {log:String} AND log_offset > {first:UInt64} AND log_offset <= {last:UInt64}
"""
_BY_RECORD = """
SELECT log_offset, sum(n) AS n FROM (
    SELECT log_offset, uniqExact(event_id) AS n FROM events
    WHERE log = {log:String} AND log_offset > {first:UInt64} AND log_offset <= {last:UInt64} GROUP BY log_offset
    UNION ALL
    SELECT log_offset, sum(n_events) AS n FROM dead_letters FINAL
    WHERE log = {log:String} AND log_offset > {first:UInt64} AND log_offset <= {last:UInt64} GROUP BY log_offset
) GROUP BY log_offset
"""


def held_by_record(warehouse: Warehouse, log: str, first: int, last: int) -> dict[int, int]:
    """Count what stands of each of the records ``first < offset <= last``, refused events included."""
    rows = warehouse.rows(_BY_RECORD, {"log": log, "first": first, "last": last})
    return {row["log_offset"]: int(row["n"]) for row in rows}


def held(warehouse: Warehouse, log: str, first: int, last: int, known_s: int) -> Held:
    """Count what stands of the records ``first < offset <= last``.

    Parameters
    ----------
    known_s
        How long the collector knows an event's id, seconds.
    """
    parameters = {"log": log, "first": first, "last": last}
    rows = warehouse.rows(_EVENTS, {**parameters, "known_s": known_s})
    refused = warehouse.rows(_REFUSED, parameters)[0]["n"]
    return Held(
        {row["month"]: row["n"] for row in rows},
        {row["month"]: row["late"] for row in rows if row["late"]},
        refused,
    )
