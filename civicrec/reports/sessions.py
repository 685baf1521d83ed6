"""Sessions: how many a day, how long, with how much in them.

In: the warehouse and a window. Out: a `Report`, one row per local day on which a session began.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import pyarrow as pa

from civicrec.reports.bots import bot_events
from civicrec.reports.freshness import freshness
from civicrec.reports.people import BY_PERSON, people_of
from civicrec.reports.ratios import share
from civicrec.reports.report import Report, Window, columns, hide_small
from civicrec.warehouse.ports import Warehouse

DEFINITION = (
    "会话数（sessions）：当日开始的不同会话数，未带会话编号的行为不计；访客数（actors）：这些会话中的不同访客数；"
    "时长中位数（median_s）：会话首末两次行为相隔时间的中位数；每次会话行为数（events_each）= 行为次数 ÷ 会话数；"
    "仅一次行为的占比（single）= 只有一次行为的会话 ÷ 会话数。只看统计范围内的行为。"
)

_SQL = f"""
SELECT formatDateTime(day, '%Y-%m-%d') AS period, count() AS sessions, length(groupUniqArrayArray(people)) AS actors,
       quantileExact(0.5)(length_ms) AS median_ms, sum(n) AS n_events, countIf(n = 1) AS n_single
FROM (
    SELECT min(local_date) AS day, groupUniqArray(person) AS people, count() AS n,
           toUnixTimestamp64Milli(max(occurred_at)) - toUnixTimestamp64Milli(min(occurred_at)) AS length_ms
    FROM ({BY_PERSON})
    WHERE bot_reason = '' AND session_id != ''
    GROUP BY site, session_id
)
GROUP BY day ORDER BY day
"""

_SCHEMA = columns(
    ("period", pa.string(), "日期，北京时间"), ("sessions", pa.int64(), "会话数，次"),
    ("actors", pa.int64(), "访客数，人"),
    ("median_s", pa.float64(), "会话时长中位数，秒"), ("events_each", pa.float64(), "每次会话的行为数，次"),
    ("single", pa.float64(), "只有一次行为的会话占比，0 至 1"),
)  # fmt: skip


def sessions(
    warehouse: Warehouse, window: Window, now: datetime, *, public: bool = True, shared_sites: Collection[str] = ()
) -> Report:
    """Count the sessions that began on each day, and how long they were, bots left out.

    Parameters
    ----------
    public
        Hide the figures of days with fewer than ten people.
    shared_sites
        As of `civicrec.reports.people.people_of`.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    counted = [
        {
            "period": row["period"],
            "sessions": row["sessions"],
            "actors": row["actors"],
            "median_s": row["median_ms"] / 1000,
            "events_each": share(row["n_events"], row["sessions"]),
            "single": share(row["n_single"], row["sessions"]),
        }
        for row in warehouse.rows(_SQL, people_of(window, shared_sites))
    ]
    rows, hidden = hide_small(counted, "period") if public else (counted, 0)
    return Report(
        title="会话概况",
        definition=DEFINITION,
        window=window,
        freshness=freshness(warehouse, now),
        table=pa.Table.from_pylist(rows, _SCHEMA),
        bot_events=bot_events(warehouse, window),
        hidden=hidden,
    )
