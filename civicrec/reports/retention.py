"""Retention: of the people first seen in a week, how many came again one, two, three weeks later.

In: the warehouse and a window. Out: a `Report`, one row per first week and weeks since, of weeks that are over.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from civicrec.reports.bots import bot_events
from civicrec.reports.freshness import freshness
from civicrec.reports.people import BY_PERSON, people_of
from civicrec.reports.ratios import share
from civicrec.reports.report import Report, Window, columns, hide_small
from civicrec.warehouse.ports import Warehouse

DEFINITION = (
    "首周（cohort）：访客在统计范围内首次出现的那一周（周一至周日）；人数（people）：该周首次出现的不同访客数；"
    "再访（actors）：其中第 n 周（week，0 为首周）又出现过的不同访客数；留存率（rate）= 再访 ÷ 人数。"
    "只列统计范围内已经结束的周；更换浏览器或清除标识的访客会再次计为首次出现。"
)

# Each person's weeks at once: 0 is the first. Of a cohort the people are those of week 0.
_SQL = f"""
SELECT weeks[1] AS cohort, toUInt32(intDiv(dateDiff('day', weeks[1], monday), 7)) AS week, count() AS actors
FROM (
    SELECT arraySort(groupUniqArray(toMonday(local_date))) AS weeks
    FROM ({BY_PERSON})
    WHERE bot_reason = ''
    GROUP BY person
)
ARRAY JOIN weeks AS monday
GROUP BY cohort, week ORDER BY cohort, week
"""

_SCHEMA = columns(
    ("cohort", pa.date32(), "首周的周一，北京时间"), ("week", pa.int64(), "首周之后第几周，周"),
    ("people", pa.int64(), "首周人数，人"), ("actors", pa.int64(), "该周再访的访客数，人"),
    ("rate", pa.float64(), "留存率，0 至 1"),
)  # fmt: skip


def retention(
    warehouse: Warehouse, window: Window, now: datetime, *, public: bool = True, shared_sites: Collection[str] = ()
) -> Report:
    """Count who of each week's new people came again, week by week, bots left out.

    Parameters
    ----------
    public
        Hide the figures of cohorts, and of weeks, with one to nine people.
    shared_sites
        As of `civicrec.reports.people.people_of`.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    counted = {
        (row["cohort"], row["week"]): row["actors"] for row in warehouse.rows(_SQL, people_of(window, shared_sites))
    }
    rows: list[dict[str, Any]] = []
    for cohort in sorted({cohort for cohort, _ in counted}):
        people, week = counted[cohort, 0], 0
        while cohort + timedelta(days=7 * week + 6) <= window.last:
            actors = counted.get((cohort, week), 0)
            rows.append(
                {"cohort": cohort, "week": week, "people": people, "actors": actors, "rate": share(actors, people)}
            )
            week += 1
    rows, hidden = hide_small(rows, "cohort", "week", of=("people", "actors")) if public else (rows, 0)
    return Report(
        title="访客留存",
        definition=DEFINITION,
        window=window,
        freshness=freshness(warehouse, now),
        table=pa.Table.from_pylist(rows, _SCHEMA),
        bot_events=bot_events(warehouse, window),
        hidden=hidden,
    )
