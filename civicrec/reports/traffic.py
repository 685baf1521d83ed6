"""Traffic: events, actors and sessions per day or per hour.

In: the warehouse and a window. Out: a `Report`, one row per local day (or hour) with any event.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal

import pyarrow as pa

from civicrec.clock import PORTAL_TZ
from civicrec.reports.freshness import freshness
from civicrec.reports.people import BY_PERSON, people_of
from civicrec.reports.report import Report, Window, columns, hide_small
from civicrec.warehouse.ports import Warehouse

DEFINITION = (
    "访问量（events）：该时段内发生并已存储的行为次数，同一事件只计一次；"
    "访客数（actors）：该时段内不同的访客数，同一次访问中先浏览后登录的计为一人；会话数（sessions）：该时段内不同的会话数。"
)

Period = Literal["day", "hour"]

_OFFSET_S = int(PORTAL_TZ.utcoffset(None).total_seconds())
_PERIOD: dict[Period, str] = {
    "day": "formatDateTime(local_date, '%Y-%m-%d')",
    "hour": f"formatDateTime(toStartOfHour(addSeconds(occurred_at, {_OFFSET_S})), '%Y-%m-%d %H:00', 'UTC')",
}

_SCHEMA = columns(
    ("period", pa.string(), "日期或小时，北京时间"), ("events", pa.int64(), "访问量，次"),
    ("actors", pa.int64(), "访客数，人"), ("sessions", pa.int64(), "会话数，次"),
)  # fmt: skip


def traffic(
    warehouse: Warehouse, window: Window, now: datetime, *, by: Period = "day", public: bool = True,
    shared_sites: Collection[str] = (),
) -> Report:  # fmt: skip
    """Count events, distinct people and distinct sessions of each day or hour, bots left out.

    Parameters
    ----------
    by
        ``day`` or ``hour``, both local.
    public
        Hide the figures of periods with fewer than ten people.
    shared_sites
        As of `civicrec.reports.people.people_of`.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    counted = warehouse.rows(
        f"""
        SELECT {_PERIOD[by]} AS period,
               countIf(bot_reason = '') AS events,
               uniqExactIf(person, bot_reason = '') AS actors,
               uniqExactIf((site, session_id), bot_reason = '' AND session_id != '') AS sessions,
               countIf(bot_reason != '') AS bots
        FROM ({BY_PERSON})
        GROUP BY period ORDER BY period
        """,
        people_of(window, shared_sites),
    )
    bots = sum(row.pop("bots") for row in counted)
    rows, hidden = hide_small(counted, "period") if public else (counted, 0)
    return Report(
        title="访问概况",
        definition=DEFINITION,
        window=window,
        freshness=freshness(warehouse, now),
        table=pa.Table.from_pylist(rows, _SCHEMA),
        bot_events=bots,
        hidden=hidden,
    )
