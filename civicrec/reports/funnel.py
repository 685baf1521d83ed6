"""The funnel: of the actors who were shown something, how many clicked, read, and began to apply.

In: the warehouse and a window. Out: a `Report`, one row per step.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pyarrow as pa

from civicrec.reports.freshness import freshness
from civicrec.reports.people import BY_PERSON, people_of
from civicrec.reports.ratios import share
from civicrec.reports.report import Report, Window, columns, hide_small
from civicrec.warehouse.ports import Warehouse

STEPS: tuple[tuple[str, str], ...] = (
    ("impression", "看到"), ("click", "点击"), ("read", "阅读"), ("service_start", "开始办理"),
)  # fmt: skip
"""Event kind and the word a report prints, in order."""

DEFINITION = (
    "每一步统计不同访客数：访客须在统计范围内按先后顺序完成此前各步（看到 → 点击 → 阅读 → 开始办理），"
    "每一步都须针对某个条目（外部链接、栏目页不计），不要求是同一条目；同一次访问中先浏览后登录的计为一人；"
    "占上一步 = 本步访客 ÷ 上一步访客，占首步 = 本步访客 ÷ 看到的访客。"
)

_SQL = f"""
SELECT {", ".join(f"countIf(level >= {step + 1}) AS step_{step}" for step in range(len(STEPS)))}, sum(bots) AS bots
FROM (
    SELECT windowFunnel(1000000000000)(
               toUInt64(toUnixTimestamp64Milli(occurred_at)),
               {", ".join(f"bot_reason = '' AND item_id != '' AND kind = '{kind}'" for kind, _ in STEPS)}
           ) AS level,
           countIf(bot_reason != '') AS bots
    FROM ({BY_PERSON})
    GROUP BY person
)
"""

_SCHEMA = columns(
    ("kind", pa.string(), "行为种类"), ("step", pa.string(), "步骤"), ("actors", pa.int64(), "到达该步的访客数，人"),
    ("of_previous", pa.float64(), "占上一步访客的份额，0 至 1"), ("of_first", pa.float64(), "占首步访客的份额，0 至 1"),
)  # fmt: skip


def funnel(
    warehouse: Warehouse, window: Window, now: datetime, *, public: bool = True, shared_sites: Collection[str] = ()
) -> Report:
    """Count the people that reached each step in order, bots left out.

    Parameters
    ----------
    public
        Hide the figures of steps that fewer than ten people reached.
    shared_sites
        As of `civicrec.reports.people.people_of`.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    (counted,) = warehouse.rows(_SQL, people_of(window, shared_sites))
    actors = [int(counted[f"step_{step}"]) for step in range(len(STEPS))]
    steps = [_row(kind, word, step, actors) for step, (kind, word) in enumerate(STEPS)]
    rows, hidden = hide_small(steps, "kind") if public else (steps, 0)
    for row, (_, word) in zip(rows, STEPS, strict=True):
        row["step"] = word
    return Report(
        title="办事漏斗",
        definition=DEFINITION,
        window=window,
        freshness=freshness(warehouse, now),
        table=pa.Table.from_pylist(rows, _SCHEMA),
        bot_events=int(counted["bots"] or 0),
        hidden=hidden,
    )


def _row(kind: str, word: str, step: int, actors: list[int]) -> dict[str, Any]:
    return {
        "kind": kind,
        "step": word,
        "actors": actors[step],
        "of_previous": share(actors[step], actors[step - 1]) if step else None,
        "of_first": share(actors[step], actors[0]),
    }
