"""The portal's calendar, up to the ends of what a date can be."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from civicrec.clock import local_date, moved

_offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_times = st.datetimes(timezones=_offsets)


@given(_times)
def test_every_time_has_a_day_of_the_portal_within_a_day_and_a_half_of_its_own(at: datetime) -> None:
    assert abs(local_date(at) - at.date()) <= timedelta(days=2)


def test_a_time_beyond_the_calendar_is_its_first_or_last_day() -> None:
    east = timezone(timedelta(hours=20))
    assert local_date(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) == date.max
    assert local_date(datetime(1, 1, 1, 0, 0, tzinfo=east)) == date.min
    assert local_date(datetime(2026, 1, 31, 16, tzinfo=UTC)) == date(2026, 2, 1)


@given(_times, st.timedeltas())
def test_a_time_is_moved_exactly_or_to_the_end_of_the_calendar(at: datetime, by: timedelta) -> None:
    there = moved(at, by)
    assert there - at == by or there.isoformat()[:19] in ("9999-12-31T23:59:59", "0001-01-01T00:00:00")
