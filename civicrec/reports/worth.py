"""What personalisation is worth: visitors with lists of their own against those who are held out.

In: the warehouse and a window. Out: a `Worth`, one sentence and a `Report` with one row per outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from civicrec.clock import local_date
from civicrec.crowds import K_ANONYMITY
from civicrec.reports.comparison.discoveries import discoveries
from civicrec.reports.comparison.proportions import Arm, difference, lift
from civicrec.reports.comparison.sequence import running_difference, running_p
from civicrec.reports.comparison.split import split_p
from civicrec.reports.freshness import freshness
from civicrec.reports.report import Report, Window
from civicrec.reports.worth_counts import OUTCOME_DAYS, OUTCOMES, Counts, Outcome, count_arms
from civicrec.reports.worth_verdict import Verdict, days_of, obstacle, split_shares, verdict_of
from civicrec.warehouse.ports import Warehouse

DEFINITION = (
    "推荐组：统计范围内看到过个性化列表的访客；对照组：按编号随机抽取、各处都使用通用列表的访客。"
    "只计同意个性化且未关闭推荐的访客，不论其后看到什么，一律按抽取的分组计算。"
    f"每名访客计一次：从首次看到列表起 {OUTCOME_DAYS} 天内，是否点击列表中的内容、是否阅读、是否开始办理；"
    f"未满 {OUTCOME_DAYS} 天的访客暂不计入。比例 = 做过的人数 ÷ 满期人数；相差 = 推荐组比例 − 对照组比例；"
    "相对提高 = 推荐组比例 ÷ 对照组比例 − 1。"
    "结论以“每天查看均有效”的区间为准（Waudby-Smith 等 2024），“单次”区间只在只看一次时有效（Newcombe 1998）。"
    "请固定开始日期，逐日延长结束日期。"
)

COLUMNS: dict[str, str] = {
    "outcome": "行为编码", "words": "行为",
    "recommended": "推荐组做过的人数", "recommended_people": "推荐组满期人数", "recommended_rate": "推荐组比例",
    "held_out": "对照组做过的人数", "held_out_people": "对照组满期人数", "held_out_rate": "对照组比例",
    "difference": "相差", "low": "相差下限（95%，每天查看均有效）", "high": "相差上限（95%，每天查看均有效）",
    "once_low": "相差下限（95%，单次）", "once_high": "相差上限（95%，单次）",
    "lift": "相对提高", "lift_low": "相对提高下限（95%，单次）", "lift_high": "相对提高上限（95%，单次）",
    "p": "p 值（每天查看均有效）", "found": "差异成立（错误发现率 5%）", "days_left": "还需天数",
}  # fmt: skip
"""Column → its head in Chinese."""

_WORDS = ("outcome", "words")
_KINDS = {
    **dict.fromkeys(COLUMNS, pa.float64()),
    **dict.fromkeys(_WORDS, pa.string()),
    **dict.fromkeys(
        ("recommended", "recommended_people", "held_out", "held_out_people", "days_left"), pa.int64()
    ),
    "found": pa.bool_(),
}  # fmt: skip
_SCHEMA = pa.schema(list(_KINDS.items()))


@dataclass(frozen=True, slots=True)
class Worth:
    """The answer, and the report it stands on.

    Attributes
    ----------
    entered
        People of each arm whose first list was seen in the window: recommended, held out; ``None`` below ten.
    waiting
        Of these, how many are not counted yet.
    split_p
        How likely so uneven arms are by chance; below 0.001 no figure is shown. ``None`` without one share.
    """

    verdict: Verdict
    report: Report
    entered: tuple[int | None, int | None]
    waiting: int | None
    mixed: int | None
    shares: tuple[float, ...]
    split_p: float | None


def worth(warehouse: Warehouse, window: Window, now: datetime, *, public: bool = True) -> Worth:
    """Compare the arms.

    Parameters
    ----------
    public
        Hide figures of fewer than ten people.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    fresh = freshness(warehouse, now)
    # Whose days are over by the clock may have done more, if events still wait: over is over by what arrived.
    counts = count_arms(warehouse, window, min(now, fresh.newest_at or now))
    a_day = sum(counts.entered) / _days_so_far(window, now)
    rows, hidden = _rows(counts, a_day, public=public)
    return Worth(
        verdict=verdict_of(counts, _days_so_far(window, now)),
        report=Report(
            title="个性化推荐的效果",
            definition=DEFINITION,
            window=window,
            freshness=fresh,
            table=pa.Table.from_pylist(rows, _SCHEMA),
            bot_events=counts.bot_events,
            hidden=hidden,
        ),
        entered=(_shown(counts.entered[0], public), _shown(counts.entered[1], public)),
        waiting=_shown(counts.waiting, public),
        mixed=_shown(counts.mixed, public),
        shares=counts.shares,
        split_p=split_p(counts.entered, split_shares(counts)) if len(counts.shares) == 1 else None,
    )


def _days_so_far(window: Window, now: datetime) -> int:
    last = min(window.last, local_date(now))
    return max(1, (last - window.first + timedelta(days=1)).days)


def _rows(counts: Counts, a_day: float, *, public: bool) -> tuple[list[dict[str, Any]], int]:
    """Return a row per outcome and how many of them are hidden because few people stand behind them."""
    if obstacle(counts):
        return [{"outcome": outcome, "words": words} for outcome, words in OUTCOMES.items()], 0
    pairs = {outcome: (counts.recommended[outcome], counts.held_out[outcome]) for outcome in OUTCOMES}
    found = discoveries([running_p(*pair) for pair in pairs.values()])
    hidden, rows = 0, []
    for (outcome, pair), is_found in zip(pairs.items(), found, strict=True):
        row = _row(outcome, *pair, counts.shares[0], a_day) | {"found": is_found}
        if public and any(map(_is_small, pair)):
            hidden, row = hidden + 1, {name: row[name] for name in _WORDS}
        rows.append(row)
    return rows, hidden


def _row(outcome: Outcome, treated: Arm, control: Arm, share: float, a_day: float) -> dict[str, Any]:
    running, once, relative = (compare(treated, control) for compare in (running_difference, difference, lift))
    return {
        "outcome": outcome, "words": OUTCOMES[outcome],
        "recommended": treated.did, "recommended_people": treated.people, "recommended_rate": treated.rate,
        "held_out": control.did, "held_out_people": control.people, "held_out_rate": control.rate,
        "difference": once and once.value, "low": running and running.low, "high": running and running.high,
        "once_low": once and once.low, "once_high": once and once.high,
        "lift": relative and relative.value,
        "lift_low": relative and relative.low, "lift_high": relative and relative.high,
        "p": running_p(treated, control),
        "days_left": None if running and running.excludes_zero else days_of(treated, control, a_day, share),
    }  # fmt: skip


def _is_small(arm: Arm) -> bool:
    """Say whether fewer than ten people are told apart by an arm's figures."""
    return any(0 < n < K_ANONYMITY for n in (arm.people, arm.did, arm.people - arm.did))


def _shown(n: int, public: bool) -> int | None:
    return None if public and 0 < n < K_ANONYMITY else n
