"""Quiet hours: when the next message may be sent. Pure: a time and a calendar in, a time out."""

from __future__ import annotations

from datetime import datetime, timedelta

from civicrec.clock import PORTAL_TZ
from civicrec.working_days import WorkingDays
from recommender.push.plan import Quiet, time_of

#: Beyond the longest holidays.
_LOOK_AHEAD_DAYS = 60


def next_open(at: datetime, quiet: Quiet, calendar: WorkingDays) -> datetime:
    """Return the first instant from `at` on that is not quiet: `at` itself, if it is not.

    Examples
    --------
    >>> from civicrec.working_days import working_days
    >>> evening = datetime(2026, 3, 2, 21, 0, tzinfo=PORTAL_TZ)
    >>> next_open(evening, Quiet(), working_days(None)).isoformat()
    '2026-03-03T08:00:00+08:00'
    """
    local = at.astimezone(PORTAL_TZ)
    for _ in range(_LOOK_AHEAD_DAYS):
        if quiet.working_days_only and not calendar.is_working(local.date()):
            local = _midnight(local) + timedelta(days=1)
            continue
        ends = _end_of_quiet(local, quiet)
        if ends is None:
            return local.astimezone(at.tzinfo)
        local = ends
    return local.astimezone(at.tzinfo)


def _end_of_quiet(local: datetime, quiet: Quiet) -> datetime | None:
    """Return when the quiet hours end that a time lies in, ``None`` if it lies in none."""
    begins, until, now = time_of(quiet.begins), time_of(quiet.until), local.time()
    today = local.replace(hour=until.hour, minute=until.minute, second=0, microsecond=0)
    if begins < until:
        return today if begins <= now < until else None
    if begins > until:
        return today if now < until else today + timedelta(days=1) if now >= begins else None
    return None


def _midnight(local: datetime) -> datetime:
    return local.replace(hour=0, minute=0, second=0, microsecond=0)
