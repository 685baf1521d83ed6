"""What personalisation is worth, written down: to read, for programs, for office software. The answer comes first."""

from __future__ import annotations

import csv
import io
from typing import Any

from civicrec.clock import rfc3339
from civicrec.reports.worth import COLUMNS, Worth
from civicrec.reports.worth_counts import OUTCOME_DAYS
from civicrec.reports.worth_verdict import time_left
from civicrec.spreadsheets import cell


def plain(found: Worth) -> dict[str, Any]:
    """Return it as JSON has it."""
    report = found.report
    newest = report.freshness.newest_at
    return {
        "sentence": found.verdict.sentence,
        "answer": found.verdict.answer,
        "days_left": found.verdict.days_left,
        "window": {
            "first": report.window.first.isoformat(),
            "last": report.window.last.isoformat(),
            "days": report.window.days,
            "outcome_days": OUTCOME_DAYS,
        },
        "freshness": {"newest_at": rfc3339(newest) if newest else None, "age_s": report.freshness.age_s},
        "entered": {"recommended": found.entered[0], "held_out": found.entered[1]},
        "waiting": found.waiting,
        "mixed": found.mixed,
        "holdout_shares": list(found.shares),
        "split_p": found.split_p,
        "bot_events": report.bot_events,
        "hidden": report.hidden,
        "rows": list(report.rows()),
        "definition": report.definition,
        "footnote": report.footnote(),
    }


def as_csv(found: Worth) -> bytes:
    """Return it for office software: a byte-order mark, CRLF, the answer first and the report's facts last."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([found.verdict.sentence])
    writer.writerow([])
    writer.writerow(COLUMNS.values())
    for row in found.report.rows():
        writer.writerow([cell(row[name]) for name in COLUMNS])
    writer.writerow([])
    for line in (arms(found), found.report.footnote(), found.report.definition):
        writer.writerow([line])
    return out.getvalue().encode("utf-8-sig")


def as_text(found: Worth) -> str:
    """Return it as lines to read."""
    rows = "\n".join(_line(row) for row in found.report.rows())
    return "\n\n".join((found.verdict.sentence, rows, arms(found), found.report.footnote(), found.report.definition))


def cells(row: dict[str, Any]) -> dict[str, str]:
    """Return the figures of a row in words: each rate with its base, each difference with its bounds."""
    if row["recommended"] is None:
        return dict.fromkeys(("recommended", "held_out", "difference", "lift", "days_left"), "—")
    lift = "—"
    if row["lift"] is not None:
        lift = f"{row['lift'] * 100:.1f}%（{_bounds(row, 'lift_low', 'lift_high')}，单次）"
    return {
        "recommended": _share(row, "recommended"),
        "held_out": _share(row, "held_out"),
        "difference": f"{_points(row['difference'])}（{_bounds(row, 'low', 'high')}，每天查看均有效；"
        f"{_bounds(row, 'once_low', 'once_high')}，单次）",
        "lift": lift,
        "days_left": time_left(row["days_left"]) if row["days_left"] else "—",
    }


def _line(row: dict[str, Any]) -> str:
    of = cells(row)
    return (
        f"{row['words']}：推荐组 {of['recommended']}，对照组 {of['held_out']}；相差 {of['difference']}；"
        f"相对提高 {of['lift']}；还需 {of['days_left']}"
    )


def _share(row: dict[str, Any], arm: str) -> str:
    rate = row[f"{arm}_rate"]
    return f"{row[arm]} / {row[f'{arm}_people']}" + (f" = {rate:.2%}" if rate is not None else "")


def _points(value: float | None) -> str:
    return "—" if value is None else f"{value * 100:.2f} 个百分点"


def _bounds(row: dict[str, Any], low: str, high: str) -> str:
    if row[low] is None:
        return "人数太少，无区间"
    return f"95% 置信区间 {row[low] * 100:.2f} 至 {row[high] * 100:.2f}"


def arms(found: Worth) -> str:
    """Say how many people came into each arm, and whether they should be so many."""
    recommended, held_out = (_n(n) for n in found.entered)
    share = "、".join(f"{share:.3g}" for share in found.shares) or "—"
    p = "—" if found.split_p is None else f"{found.split_p:.3g}"
    return (
        f"看到列表的访客：推荐组 {recommended} 人，对照组 {held_out} 人（设定比例 {share}，"
        f"分组检验 p = {p}，低于 0.001 时隐藏结果）；"
        f"其中未满 {OUTCOME_DAYS} 天 {_n(found.waiting)} 人；先后在两组、未计入 {_n(found.mixed)} 人。"
    )


def _n(n: int | None) -> str:
    return "不足 10" if n is None else str(n)
