"""What a frame knows of itself: window, freshness, columns with units, people hidden, how to cite it.

In: facts gathered when it was asked for. Out: lines to print below a table, in Chinese.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from civicrec.clock import PORTAL_TZ
from civicrec.crowds import K_ANONYMITY
from civicrec.reports.freshness import Freshness
from civicrec.reports.report import Report, Window


@dataclass(frozen=True, slots=True)
class About:
    """What stands behind the figures of a frame.

    Attributes
    ----------
    title
        What it is called in a citation.
    source
        Where the warehouse is.
    query
        The SQL, or the name of the report.
    window
        Days it covers; None where a query names none.
    columns
        Name → what it means, with its unit.
    hidden
        Rows whose figures are hidden because fewer than `K_ANONYMITY` people stand behind them.
    report
        The report, where it is one.
    """

    title: str
    source: str
    query: str
    asked_at: datetime
    freshness: Freshness
    window: Window | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    hidden: int = 0
    report: Report | None = None

    def footnote(self) -> str:
        """Return the line that belongs under the table."""
        if self.report is not None:
            return self.report.footnote()
        window = f"统计范围：{self.window}。" if self.window else ""
        hidden = f"已隐藏人数少于 {K_ANONYMITY} 的 {self.hidden} 行。" if self.hidden else ""
        return f"{window}{self.freshness}。{hidden}"

    def cite(self) -> str:
        """Return how to name the figures elsewhere, so that somebody else can ask for them again."""
        at = self.asked_at.astimezone(PORTAL_TZ)
        return f"{self.title}。取自 {self.source}，{at:%Y-%m-%d %H:%M}（北京时间）。{self.footnote()}查询：{self.query}"
