"""From when to when the warehouse holds events: the oldest day, and the age of the newest event.

In: the warehouse. Out: a `Freshness`, shown on every report. An old newest event means that nobody came, or that the
stream is behind; ``civicrec status`` tells the two apart by its `pending`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from civicrec.clock import PORTAL_TZ, as_utc
from civicrec.warehouse.ports import Warehouse


@dataclass(frozen=True, slots=True)
class Freshness:
    """Arrival of the newest stored event, when that was looked up, and the local day of the oldest."""

    newest_at: datetime | None
    looked_at: datetime
    oldest_day: date | None = None

    @property
    def age_s(self) -> float | None:
        """Seconds since the newest stored event arrived, ``None`` while nothing is stored."""
        return None if self.newest_at is None else max(0.0, (self.looked_at - self.newest_at).total_seconds())

    def __str__(self) -> str:
        """Say it in Chinese, as it stands on a report."""
        if self.newest_at is None:
            return "数据新鲜度：尚无数据"
        at = self.newest_at.astimezone(PORTAL_TZ)
        return f"数据新鲜度：最新数据到达于 {at:%Y-%m-%d %H:%M:%S}（{_ago(self.age_s or 0)}前）"

    def missing(self, first: date, last: date) -> str:
        """Say in Chinese which of the days first..last nothing is stored of, or not all; empty if there is none.

        The oldest day itself may lack hours: collecting began during it, or the month before, which ended at midnight
        UTC, is no longer kept.
        """
        oldest = self.oldest_day
        if oldest is None or oldest < first:
            return ""
        why = "尚未采集，或已超过保存期限"
        if oldest > last:
            return f"{first} 至 {last} 没有数据（{why}）"
        before = f"{first} 至 {oldest - timedelta(days=1)} 没有数据，" if oldest > first else ""
        return f"{before}{oldest} 的数据可能不全（{why}）"


def freshness(warehouse: Warehouse, now: datetime) -> Freshness:
    """Look up the newest and the oldest stored event.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    (row,) = warehouse.rows("SELECT count() AS n, max(received_at) AS newest, min(local_date) AS oldest FROM events")
    if not row["n"]:
        return Freshness(None, now)
    return Freshness(as_utc(row["newest"]), now, row["oldest"])


def _ago(seconds: float) -> str:
    for size, word in ((86_400, "天"), (3_600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} 秒"
