"""How long an item lives: its first day of reads, and how many days until half of them had come.

In: the warehouse, a window, titles. Out: a `Report`, one row per item that was read, the most read first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import pyarrow as pa

from civicrec.reports.bots import bot_events
from civicrec.reports.freshness import freshness
from civicrec.reports.people import BY_PERSON, people_of
from civicrec.reports.ratios import share
from civicrec.reports.report import Report, Window, columns, hide_small
from civicrec.text import printable
from civicrec.warehouse.ports import Warehouse

DEFINITION = (
    "阅读（reads）：同一访客同一天读同一条目计一次；首日（first_day）：统计范围内第一次被阅读之日；"
    "首日占比（first_share）= 首日的阅读 ÷ 全部阅读；"
    "半衰期（half_life_days）：自首日起经过多少天，累计阅读首次达到全部的一半，0 为首日即达到；"
    "首日为统计范围第一天的（is_cut），此前可能已有阅读。"
)

_SQL = f"""
SELECT item_id, days[1] AS first_day, reads[1] AS reads_first, arraySum(reads) AS n_reads,
       days[arrayFirstIndex(sum_to -> 2 * sum_to >= n_reads, arrayCumSum(reads))] AS half_day, n_people AS actors
FROM (
    SELECT item_id, arraySort(groupUniqArray((local_date, person))) AS pairs,
           arrayDistinct(pairs.1) AS days, arrayMap(day -> countEqual(pairs.1, day), days) AS reads,
           length(arrayDistinct(pairs.2)) AS n_people
    FROM ({BY_PERSON})
    WHERE bot_reason = '' AND kind = 'read' AND item_id != ''
    GROUP BY item_id
)
ORDER BY n_reads DESC, item_id
"""

_SCHEMA = columns(
    ("item_id", pa.string(), "条目编号"), ("title", pa.string(), "标题"), ("first_day", pa.date32(), "首次被阅读之日"),
    ("reads", pa.int64(), "阅读，人日"), ("first_share", pa.float64(), "首日的阅读占比，0 至 1"),
    ("half_life_days", pa.int64(), "半衰期，天"), ("is_cut", pa.bool_(), "统计范围之前可能已有阅读"),
    ("actors", pa.int64(), "读者数，人"),
)  # fmt: skip


def item_life(
    warehouse: Warehouse, window: Window, now: datetime, titles: Mapping[str, str] | None = None, *,
    public: bool = True, shared_sites: Collection[str] = (),
) -> Report:  # fmt: skip
    """Say of each item on which day it was first read and when half of its reads had come, bots left out.

    Parameters
    ----------
    titles
        As of `civicrec.reports.items.items`.
    public
        Hide the figures of items with fewer than ten readers.
    shared_sites
        As of `civicrec.reports.people.people_of`.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    counted = warehouse.rows(_SQL, people_of(window, shared_sites))
    listed = [row for row in counted if titles is None or row["item_id"] in titles]
    rows = [
        {
            "item_id": row["item_id"],
            "title": printable((titles or {}).get(row["item_id"], row["item_id"]), " "),
            "first_day": row["first_day"],
            "reads": row["n_reads"],
            "first_share": share(row["reads_first"], row["n_reads"]),
            "half_life_days": (row["half_day"] - row["first_day"]).days,
            "is_cut": row["first_day"] == window.first,
            "actors": row["actors"],
        }
        for row in listed
    ]
    rows, hidden = hide_small(rows, "item_id", "title") if public else (rows, 0)
    rows.sort(key=lambda row: row["actors"] is None)
    return Report(
        title="内容生命期",
        definition=DEFINITION,
        window=window,
        freshness=freshness(warehouse, now),
        table=pa.Table.from_pylist(rows, _SCHEMA),
        bot_events=bot_events(warehouse, window),
        hidden=hidden,
        unlisted=len(counted) - len(listed),
    )
