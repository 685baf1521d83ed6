"""Items: what was shown, clicked and read, per item.

In: the warehouse, a window, and the titles of the catalogue. Out: a `Report`, one row per item with any event.
Counts only, never a list of actors, so a content owner may see small ones too; with `public` they are hidden.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from civicrec.reports.freshness import freshness
from civicrec.reports.people import BY_PERSON, people_of
from civicrec.reports.ratios import share, wilson
from civicrec.reports.report import Report, Window, columns, hide_small
from civicrec.text import printable
from civicrec.warehouse.ports import Warehouse

DEFINITION = (
    "展示（shown）：条目在一次列表中被一名访客实际看到（至少一半面积、至少 1 秒）计一次，"
    "未带列表编号的按会话计；点击（clicked）：其中随后在同一列表被点击的次数；"
    "点击率 = 点击 ÷ 展示，括号内为 95% 置信区间（Wilson）；全部点击（clicks）含搜索、直接链接等来源；"
    "阅读（reads）：产生有效停留的不同访问（会话，未带会话编号的按访客计）数；停留时长：有操作的阅读时间之和；"
    "访客（actors）：以任何方式接触过该条目的不同访客数；同一次访问中先浏览后登录的计为一人。"
)

_SQL = f"""
WITH if(request_id = '', session_id, request_id) AS list_id
SELECT item_id,
       uniqExactIf((person, list_id), bot_reason = '' AND kind = 'impression') AS shown,
       uniqExactIf((person, list_id), bot_reason = '' AND kind = 'click') AS clicked_lists,
       uniqExactIf((person, list_id), bot_reason = '' AND kind IN ('impression', 'click')) AS either,
       countIf(bot_reason = '' AND kind = 'click') AS clicks,
       uniqExactIf((site, if(session_id = '', person, session_id)), bot_reason = '' AND kind = 'read') AS reads,
       toInt64(sumIf(ifNull(active_ms, 0), bot_reason = '' AND kind = 'read')) AS active_ms,
       uniqExactIf(person, bot_reason = '') AS actors,
       countIf(bot_reason != '') AS bots
FROM ({BY_PERSON})
WHERE item_id != ''
GROUP BY item_id
ORDER BY item_id
"""

_SCHEMA = columns(
    ("item_id", pa.string(), "条目编号"), ("title", pa.string(), "标题"), ("shown", pa.int64(), "展示，次"),
    ("clicked", pa.int64(), "展示中被点击的，次"), ("ctr", pa.float64(), "点击率，0 至 1"),
    ("ctr_low", pa.float64(), "点击率 95% 置信下限，0 至 1"), ("ctr_high", pa.float64(), "点击率 95% 置信上限，0 至 1"),
    ("clicks", pa.int64(), "全部点击，次"), ("reads", pa.int64(), "阅读，次"),
    ("active_s", pa.float64(), "停留时长，秒"), ("actors", pa.int64(), "访客数，人"),
)  # fmt: skip


def items(
    warehouse: Warehouse, window: Window, now: datetime, titles: Mapping[str, str] | None = None, *,
    public: bool = False, shared_sites: Collection[str] = (),
) -> Report:  # fmt: skip
    """Count what happened to each item, bots left out, the most shown first.

    Parameters
    ----------
    titles
        item id → title. Ids that are not in it are counted, not listed: an id is whatever a visitor's browser sent. All
        are listed, by their ids, when it is not given.
    public
        Hide the figures of items that fewer than ten people have met; these items come last.
    shared_sites
        As of `civicrec.reports.people.people_of`.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    counted = warehouse.rows(_SQL, people_of(window, shared_sites))
    seen = [row for row in counted if row["actors"]]
    listed = [row for row in seen if titles is None or row["item_id"] in titles]
    rows = [_row(row, titles or {}) for row in listed]
    rows.sort(key=lambda row: (-row["shown"], -row["clicks"], row["item_id"]))
    hidden = 0
    if public:
        rows, hidden = hide_small(rows, "item_id", "title")
        rows.sort(key=lambda row: (row["actors"] is None, row["item_id"] if row["actors"] is None else ""))
    return Report(
        title="内容效果",
        definition=DEFINITION,
        window=window,
        freshness=freshness(warehouse, now),
        table=pa.Table.from_pylist(rows, _SCHEMA),
        bot_events=sum(row["bots"] for row in counted),
        hidden=hidden,
        unlisted=len(seen) - len(listed),
    )


def _row(counted: dict[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    # |shown and clicked| = |shown| + |clicked| - |either|: one pass over the events, no join.
    clicked = counted["shown"] + counted["clicked_lists"] - counted["either"]
    interval = wilson(clicked, counted["shown"]) or (None, None)
    return {
        "item_id": counted["item_id"],
        "title": printable(titles.get(counted["item_id"], counted["item_id"]), " "),
        "shown": counted["shown"],
        "clicked": clicked,
        "ctr": share(clicked, counted["shown"]),
        "ctr_low": interval[0],
        "ctr_high": interval[1],
        "clicks": counted["clicks"],
        "reads": counted["reads"],
        "active_s": counted["active_ms"] / 1000,
        "actors": counted["actors"],
    }
