"""Paths: which item people come to from which, within a session.

In: the warehouse, a window, titles. Out: a `Report`, the steps of most people, and one row for all others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from civicrec.crowds import K_ANONYMITY
from civicrec.reports.bots import bot_events
from civicrec.reports.freshness import freshness
from civicrec.reports.people import BY_PERSON, people_of
from civicrec.reports.report import Report, Window, columns
from civicrec.text import printable
from civicrec.warehouse.ports import Warehouse

DEFINITION = (
    "一步（from → to）：同一访客在同一会话内，先后点击或阅读的两个相邻且不同的条目；次数（times）：这一步发生的次数；"
    "访客数（actors）：走过这一步的不同访客数。按访客数取前若干步，其余（含人数少于 10 的）合为一行“其他”。"
)
OTHERS = "其他"
"""Title of the row for all steps that are not listed."""

_STEPS = f"""
SELECT person, arrayJoin(arrayZip(arrayPopBack(walk), arrayPopFront(walk))) AS step
FROM (
    SELECT person, arrayCompact(arraySort(groupArray((toUnixTimestamp64Milli(occurred_at), item_id))).2) AS walk
    FROM ({BY_PERSON})
    WHERE bot_reason = '' AND kind IN ('click', 'read') AND item_id != '' AND session_id != ''
    GROUP BY person, site, session_id
)
"""
_AMONG = "({before:String} = '' OR step.1 = {before:String}) AND ({after:String} = '' OR step.2 = {after:String})"
_SQL = f"""
SELECT step.1 AS from_id, step.2 AS to_id, count() AS times, uniqExact(person) AS actors
FROM ({_STEPS})
WHERE {_AMONG}
GROUP BY from_id, to_id HAVING actors >= {{least:UInt32}}
ORDER BY actors DESC, times DESC, from_id, to_id LIMIT {{top:UInt32}}
"""
_REST = f"""
SELECT count() AS times, uniqExact(person) AS actors, uniqExact(step) AS steps
FROM ({_STEPS})
WHERE {_AMONG} AND NOT has({{listed:Array(String)}}, concat(step.1, '\\n', step.2))
"""

_SCHEMA = columns(
    ("from_id", pa.string(), "前一条目编号；空为其他"), ("from_title", pa.string(), "前一条目标题"),
    ("to_id", pa.string(), "后一条目编号；空为其他"), ("to_title", pa.string(), "后一条目标题"),
    ("times", pa.int64(), "次数，次"), ("actors", pa.int64(), "访客数，人"),
)  # fmt: skip


def paths(
    warehouse: Warehouse, window: Window, now: datetime, titles: Mapping[str, str] | None = None, *,
    before: str = "", after: str = "", top: int = 20, public: bool = True, shared_sites: Collection[str] = (),
) -> Report:  # fmt: skip
    """Count the steps from item to item within sessions, bots left out, those of most people first.

    Parameters
    ----------
    titles
        item id → title; an item without one is shown by its id.
    before, after
        Only steps from, or to, this item.
    top
        How many steps are listed; the others are one row.
    public
        Put steps of fewer than ten people among the others, and hide these if they are of fewer than ten people.
    shared_sites
        As of `civicrec.reports.people.people_of`.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    asked = {**people_of(window, shared_sites), "before": before, "after": after}
    least = K_ANONYMITY if public else 1
    counted = warehouse.rows(_SQL, {**asked, "least": least, "top": top})
    listed = [f"{row['from_id']}\n{row['to_id']}" for row in counted]
    (rest,) = warehouse.rows(_REST, {**asked, "listed": listed})

    def title(item_id: str) -> str:
        return printable((titles or {}).get(item_id, item_id), " ")

    rows: list[dict[str, Any]] = [
        {**row, "from_title": title(row["from_id"]), "to_title": title(row["to_id"])} for row in counted
    ]
    is_hidden = public and 0 < rest["actors"] < K_ANONYMITY
    if rest["steps"]:
        figures = {"times": None, "actors": None} if is_hidden else {"times": rest["times"], "actors": rest["actors"]}
        rows.append({"from_id": "", "from_title": OTHERS, "to_id": "", "to_title": OTHERS, **figures})
    return Report(
        title="浏览路径",
        definition=DEFINITION,
        window=window,
        freshness=freshness(warehouse, now),
        table=pa.Table.from_pylist(rows, _SCHEMA),
        bot_events=bot_events(warehouse, window),
        hidden=int(is_hidden),
    )
