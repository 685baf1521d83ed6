"""What every report carries: its definition, its window, how fresh it is, and what it leaves out.

In: rows of the warehouse. Out: a `Report` whose figures can be read without knowing who asked for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import Any

import pyarrow as pa

from civicrec.clock import local_date
from civicrec.crowds import K_ANONYMITY
from civicrec.errors import InvalidInput
from civicrec.reports.freshness import Freshness

MAX_SHOWN = 30
"""Rows a notebook shows of a report; the table holds all."""


@dataclass(frozen=True, slots=True)
class Window:
    """Local days a report covers, both ends included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InvalidInput(f"the window ends on {self.last}, before it begins on {self.first}; swap the two")

    @classmethod
    def last_days(cls, n: int, now: datetime) -> Window:
        """Return the `n` local days that end with the day of `now`."""
        today = local_date(now)
        return cls(today - timedelta(days=n - 1), today)

    @property
    def days(self) -> int:
        """Number of days covered."""
        return (self.last - self.first).days + 1

    def parameters(self) -> dict[str, date]:
        """Return the bounds as query parameters ``first`` and ``last``."""
        return {"first": self.first, "last": self.last}

    def __str__(self) -> str:
        """Say the window as it stands on a report."""
        return f"{self.first} 至 {self.last}（{self.days} 天，北京时间）"


@dataclass(frozen=True, slots=True)
class Report:
    """A table with all that is needed to trust it.

    Attributes
    ----------
    definition
        What each figure means, in Chinese, ready to print.
    table
        One row per day, item or step; a hidden figure is null.
    bot_events
        Events of the window left out because a bot rule flagged them.
    hidden
        Rows whose figures are hidden because fewer than `K_ANONYMITY` actors stand behind them.
    unlisted
        Item ids of events that no row is about, because the catalogue does not know them.
    """

    title: str
    definition: str
    window: Window
    freshness: Freshness
    table: pa.Table
    bot_events: int
    hidden: int = 0
    unlisted: int = 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as dictionaries, in the order of the table."""
        yield from self.table.to_pylist()

    def footnote(self) -> str:
        """Return the line that belongs under every table and chart made of this report."""
        hidden = f" 已隐藏人数少于 {K_ANONYMITY} 的 {self.hidden} 行。" if self.hidden else ""
        unlisted = f" 另有 {self.unlisted} 个编号不在目录中，未列出。" if self.unlisted else ""
        bots = f"已排除机器访问 {self.bot_events} 次。"
        missing = self.freshness.missing(self.window.first, self.window.last)
        window = f"统计范围：{self.window}。" + (f"{missing}。" if missing else "")
        return f"{window}{self.freshness}。{bots}{hidden}{unlisted}".strip()

    def _repr_html_(self) -> str:
        """Show the table with its footnote in a notebook."""
        names = self.table.column_names
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_cell(row[name]))}</td>" for name in names) + "</tr>"
            for row in self.table.slice(0, MAX_SHOWN).to_pylist()
        )
        more = f" 仅显示前 {MAX_SHOWN} 行，共 {self.table.num_rows} 行。" if self.table.num_rows > MAX_SHOWN else ""
        return (
            f"<h4>{escape(self.title)}</h4><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p><small>{escape(self.footnote() + more)}</small></p>"
        )


def _cell(value: Any) -> str:
    if value is None:
        return "—"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def columns(*described: tuple[str, pa.DataType, str]) -> pa.Schema:
    """Return the schema of a report: of each column its name, its type, and what it means in Chinese, with its unit."""
    return pa.schema([pa.field(name, kind, metadata={"comment": comment}) for name, kind, comment in described])


def hide_small(
    rows: list[dict[str, Any]], *keep: str, of: tuple[str, ...] = ("actors",)
) -> tuple[list[dict[str, Any]], int]:
    """Null every figure of rows with 1 to ``K_ANONYMITY - 1`` actors; return the rows and how many were hidden.

    Parameters
    ----------
    rows
        Each has the columns `of`, which count people.
    keep
        The columns that name the row and stay readable.
    """
    hidden = 0
    shown: list[dict[str, Any]] = []
    for row in rows:
        if any(0 < row[name] < K_ANONYMITY for name in of):
            hidden += 1
            row = {name: value if name in keep else None for name, value in row.items()}
        shown.append(row)
    return shown, hidden
