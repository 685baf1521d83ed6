"""How fresh the warehouse is: the age of the newest event it stores.

In: the warehouse. Out: a `Freshness`, shown on every report. An old newest event means that nobody came, or that the
stream is behind; ``civicrec status`` tells the two apart by its `pending`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from civicrec.clock import PORTAL_TZ
from civicrec.warehouse.ports import Warehouse


@dataclass(frozen=True, slots=True)
class Freshness:
    """Arrival of the newest stored event, and when that was looked up."""

    newest_at: datetime | None
    looked_at: datetime

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


def freshness(warehouse: Warehouse, now: datetime) -> Freshness:
    """Look up the newest stored event.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    (row,) = warehouse.rows("SELECT count() AS n, max(received_at) AS newest FROM events")
    newest: datetime | None = row["newest"] if row["n"] else None
    if newest is not None and newest.tzinfo is None:
        newest = newest.replace(tzinfo=UTC)
    return Freshness(newest, now)


def _ago(seconds: float) -> str:
    for size, word in ((86_400, "天"), (3_600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} 秒"
