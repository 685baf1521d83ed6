"""The only place that reads the wall clock; everything else takes time as an argument.

In: nothing. Out: aware UTC datetimes, epoch milliseconds, and the portal's local calendar.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

Clock = Callable[[], datetime]

#: Mainland China has one civil time and no daylight saving, so a fixed offset is exact and needs no tz database.
PORTAL_TZ = timezone(timedelta(hours=8), "Asia/Shanghai")


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Return a monotonic reading in seconds, for measuring durations."""
    return time.monotonic()


def to_ms(at: datetime) -> int:
    """Return epoch milliseconds of an aware time, rounded down to the millisecond."""
    return int(at.timestamp() * 1000)


def from_ms(epoch_ms: int) -> datetime:
    """Return the aware UTC time of epoch milliseconds."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def local_date(at: datetime) -> date:
    """Return the portal's calendar day of an aware time; of one beyond the calendar's ends, the first or the last day.

    Examples
    --------
    >>> local_date(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    datetime.date(9999, 12, 31)
    """
    try:
        return at.astimezone(PORTAL_TZ).date()
    except OverflowError:
        return date.max if at.year > 1 else date.min


def moved(at: datetime, by: timedelta) -> datetime:
    """Return the time moved by a span, at most to the calendar's ends."""
    try:
        return at + by
    except OverflowError:
        end = datetime(9999, 12, 31, 23, 59, 59, 999_999, at.tzinfo)
        return end if by > timedelta() else datetime(1, 1, 1, tzinfo=at.tzinfo)


def rfc3339(at: datetime) -> str:
    """Write an aware time as contracts want it: UTC, milliseconds, ``Z``.

    Examples
    --------
    >>> rfc3339(from_ms(1_769_846_400_123))
    '2026-01-31T08:00:00.123Z'
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_utc(at: datetime) -> datetime:
    """Return a time that a store gave back with its zone: who keeps none was given UTC.

    Examples
    --------
    >>> as_utc(datetime(2026, 3, 1)).isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    return at if at.tzinfo else at.replace(tzinfo=UTC)
