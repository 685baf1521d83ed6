"""Quiet hours against a plain walk from minute to minute."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.clock import PORTAL_TZ
from civicrec.working_days import working_days
from recommender.push.plan import Quiet
from recommender.push.quiet import next_open

CALENDAR = working_days(None)
MINUTES = st.integers(0, 24 * 60 - 1).map(lambda n: f"{n // 60:02}:{n % 60:02}")
TIMES = st.integers(0, 333 * 86_400).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


def is_quiet(at: datetime, quiet: Quiet) -> bool:
    local = at.astimezone(PORTAL_TZ)
    if quiet.working_days_only and not CALENDAR.is_working(local.date()):
        return True
    begins, until, now = time.fromisoformat(quiet.begins), time.fromisoformat(quiet.until), local.time()
    if begins <= until:
        return begins <= now < until
    return now >= begins or now < until


@settings(max_examples=60, deadline=None)
@given(TIMES, MINUTES, MINUTES, st.booleans())
def test_the_next_open_time_is_the_first_that_is_not_quiet(
    at: datetime, begins: str, until: str, working_days_only: bool
) -> None:
    quiet = Quiet(begins, until, working_days_only)
    found = next_open(at, quiet, CALENDAR)
    assert found >= at
    assert not is_quiet(found, quiet)
    minute = at
    while minute < found:  # the longest holidays have some ten thousand minutes
        assert is_quiet(minute, quiet)
        minute += timedelta(minutes=7)
    assert found == at or is_quiet(found - timedelta(microseconds=1), quiet)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-02T20:59:59", "2026-03-02T20:59:59"),
        ("2026-03-02T21:00:00", "2026-03-03T08:00:00"),
        ("2026-03-03T07:59:59", "2026-03-03T08:00:00"),
        ("2026-09-24T22:00:00", "2026-09-28T08:00:00"),  # 中秋 until Sunday
        ("2026-09-30T21:30:00", "2026-10-08T08:00:00"),  # 国庆
        ("2026-10-10T09:00:00", "2026-10-10T09:00:00"),  # a Saturday that is worked
    ],
)
def test_holidays_and_nights_of_the_portal(at: str, expected: str) -> None:
    quiet = Quiet(working_days_only=True)
    found = next_open(datetime.fromisoformat(at).replace(tzinfo=PORTAL_TZ), quiet, CALENDAR)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=PORTAL_TZ)
