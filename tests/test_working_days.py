"""Working days: public holidays, weekends that are worked for them, years of one's own, files that are none."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from civicrec.errors import ConfigError
from civicrec.working_days import working_days


@pytest.mark.parametrize(
    ("day", "is_working"),
    [
        ("2026-09-20", True), ("2026-09-25", False), ("2026-09-26", False), ("2026-09-28", True), ("2026-10-07", False),
        ("2026-10-08", True), ("2026-10-10", True), ("2026-10-11", False), ("2025-01-28", False), ("2025-10-11", True),
        ("2027-10-01", True), ("2027-10-02", False),
    ],
)  # fmt: skip
def test_offices_work_as_the_state_council_arranged(day: str, is_working: bool) -> None:
    assert working_days(None).is_working(date.fromisoformat(day)) is is_working


def test_five_working_days_from_before_the_long_holiday() -> None:
    calendar = working_days(None)
    assert calendar.after(date(2026, 9, 30), 5) == date(2026, 10, 13)  # 8, 9, 10 (worked Saturday), 12, 13
    assert calendar.after(date(2026, 2, 13), 1) == date(2026, 2, 14)
    assert calendar.after(date(2026, 3, 2), 0) == date(2026, 3, 2)
    for n in range(365):
        day = date(2026, 1, 1) + timedelta(days=n)
        due = calendar.after(day, 5)
        between = [day + timedelta(days=k) for k in range(1, (due - day).days + 1)]
        assert sum(map(calendar.is_working, between)) == 5
        assert calendar.is_working(due)


def test_a_year_of_ones_own_is_added(tmp_path: Path) -> None:
    (tmp_path / "working-days.toml").write_text('[2027]\nclosed = ["10-01/10-07"]\nopen = ["09-26"]\n')
    calendar = working_days(tmp_path)
    assert not calendar.is_working(date(2027, 10, 1))
    assert calendar.is_working(date(2027, 9, 26))
    assert calendar.knows(date(2027, 1, 1))
    assert not calendar.is_working(date(2026, 10, 1))
    assert not calendar.knows(date(2028, 1, 1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[27]\nclosed = ["10-01"]', "expected a year"),
        ('[2027]\nfree = ["10-01"]', "expected a year with closed and open"),
        ('[2027]\nclosed = ["13-01"]', "expected a day such as 05-01"), ('[2027]\nclosed = "10-01"', "a list of days"),
        ("[2027", "working-days.toml"), ("2027 = 1", "expected a year"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_named_with_what_was_expected(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "working-days.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        working_days(tmp_path)
    assert says in str(refused.value)
    assert "working-days.toml" in str(refused.value)
