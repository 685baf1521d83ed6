"""The item table of the console: sorted, linked, written as CSV.

In: a report's rows and what the reader asked for. Out: rows in order, column heads, CSV bytes. No IO.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from civicrec.errors import InvalidInput
from civicrec.reports.report import Report, Window
from civicrec.spreadsheets import cell

DEFAULT_DAYS = 14
MAX_DAYS = 366


#: Column of the report → head of the table. The order is the order on the page.
COLUMNS: dict[str, str] = {
    "title": "标题", "shown": "展示", "clicked": "点击", "ctr": "点击率", "clicks": "全部点击", "reads": "阅读",
    "active_s": "停留时长（秒）", "actors": "访客",
}  # fmt: skip
CSV_COLUMNS: dict[str, str] = {
    "item_id": "条目编号", **COLUMNS, "ctr_low": "点击率下限（95%）", "ctr_high": "点击率上限（95%）",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableView:
    """What the address of the page asks for: days, and the order of rows."""

    window: Window
    sort: str = "shown"
    descending: bool = True

    def address(self, path: str = "/console/", **changes: str) -> str:
        """Return the path with this view, some of it changed."""
        facts = {
            "first": self.window.first.isoformat(),
            "last": self.window.last.isoformat(),
            "sort": self.sort,
            "order": "desc" if self.descending else "asc",
        }
        return f"{path}?{urlencode({**facts, **changes})}"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of one column: its words, where a click on it leads, and how it sorts now (for ``aria-sort``)."""

    name: str
    words: str
    href: str
    sorted: str


def view_of(query: Mapping[str, str], now: datetime) -> TableView:
    """Read the query string.

    Raises
    ------
    InvalidInput
        If a date is not one, the range is empty or longer than a year, or there is no such column.
    """
    default = Window.last_days(DEFAULT_DAYS, now)
    first, last = (day_of(query[name]) if query.get(name) else usual for name, usual in default.parameters().items())
    if last < first:
        raise InvalidInput(f"结束日期 {last} 早于开始日期 {first}，请对调")
    window = Window(first, last)
    if window.days > MAX_DAYS:
        raise InvalidInput(f"日期范围为 {window.days} 天，最长 {MAX_DAYS} 天，请缩短")
    sort = query.get("sort", "shown")
    if sort not in COLUMNS:
        raise InvalidInput(f"没有 {sort!r} 这一列，可用：{'、'.join(COLUMNS)}")
    return TableView(window, sort, query.get("order", "desc") != "asc")


def in_order(rows: Iterable[dict[str, Any]], view: TableView) -> list[dict[str, Any]]:
    """Sort the rows as asked; a missing figure is last either way, ties keep the report's order."""
    known: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []
    for row in rows:
        (missing if row[view.sort] is None else known).append(row)
    return sorted(known, key=lambda row: row[view.sort], reverse=view.descending) + missing


def heads(view: TableView) -> list[Head]:
    """Return the column heads; a click on the sorted one turns its order round."""
    columns = []
    for name, words in COLUMNS.items():
        is_sorted = name == view.sort
        order = "asc" if (view.descending if is_sorted else name == "title") else "desc"
        state = ("descending" if view.descending else "ascending") if is_sorted else "none"
        columns.append(Head(name, words, view.address(sort=name, order=order), state))
    return columns


def as_csv(report: Report, rows: Sequence[dict[str, Any]]) -> bytes:
    """Write the rows for office software: a byte-order mark, CRLF, the report's facts as the last lines."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS.values())
    for row in rows:
        writer.writerow([cell(row[name]) for name in CSV_COLUMNS])
    writer.writerow([])
    writer.writerow([report.footnote()])
    writer.writerow([report.definition])
    return out.getvalue().encode("utf-8-sig")


def day_of(text: str) -> date:
    """Read a day of an address.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"日期 {text!r} 无法识别，应为 2026-01-31 的形式") from None
