"""Working days as offices count them: weekends, public holidays, and the weekends that are worked for them (调休).

In: `working_days.toml`, and a file of the same form in the home. Out: when something is due.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from tomllib import loads
from typing import Any

from civicrec.errors import ConfigError, InvalidInput
from civicrec.home import WORKING_DAYS
from civicrec.toml_files import read_table

_SATURDAY = 5
_SPAN = re.compile(r"([0-9]{2}-[0-9]{2})(?:/([0-9]{2}-[0-9]{2}))?")


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """A calendar.

    Attributes
    ----------
    closed, opened
        Days on which offices are closed, or open, whatever day of the week it is.
    years
        Years whose arrangement is known; of others weekends alone count.
    """

    closed: frozenset[date]
    opened: frozenset[date]
    years: frozenset[int]

    def knows(self, day: date) -> bool:
        """Say whether the arrangement of a day's year is known."""
        return day.year in self.years

    def is_working(self, day: date) -> bool:
        """Say whether offices work on a day."""
        return day in self.opened or (day.weekday() < _SATURDAY and day not in self.closed)

    def after(self, day: date, n: int) -> date:
        """Return the `n`-th working day after a day.

        Examples
        --------
        >>> working_days(None).after(date(2026, 9, 30), 1)  # before 国庆
        datetime.date(2026, 10, 8)
        """
        while n > 0:
            day += timedelta(days=1)
            n -= self.is_working(day)
        return day


def working_days(home: Path | None) -> WorkingDays:
    """Return the calendar that ships with the package, with the years that the home adds or replaces.

    Raises
    ------
    ConfigError
        If the home's file is none; the message says what is wrong with it.
    """
    years: dict[str, Any] = loads((files("civicrec") / "working_days.toml").read_text(encoding="utf-8"))
    if home is not None and (path := WORKING_DAYS.of(home)).exists():
        try:
            added = read_table(path, "years of working days")
            _calendar(added)
        except InvalidInput as error:
            raise ConfigError(f"{path}: {error}") from error
        years |= added
    return _calendar(years)


def _calendar(years: dict[str, Any]) -> WorkingDays:
    days: dict[str, set[date]] = {"closed": set(), "open": set()}
    for year, facts in years.items():
        if not (year.isdigit() and len(year) == 4 and isinstance(facts, dict) and facts.keys() <= days.keys()):
            raise InvalidInput(f"got [{year}] {facts!r:.60}; expected a year with closed and open")
        for name, spans in facts.items():
            if not isinstance(spans, list):
                raise InvalidInput(f"got {name} = {spans!r:.60} of {year}; expected a list of days")
            for span in spans:
                days[name] |= _span(year, span)
    return WorkingDays(frozenset(days["closed"]), frozenset(days["open"]), frozenset(map(int, years)))


def _span(year: str, span: Any) -> set[date]:
    found = _SPAN.fullmatch(str(span))
    try:
        if found is None:
            raise ValueError
        first = date.fromisoformat(f"{year}-{found[1]}")
        last = date.fromisoformat(f"{year}-{found[2] or found[1]}")
    except ValueError:
        raise InvalidInput(f"got {span!r:.40} in {year}; expected a day such as 05-01, or days 05-01/05-05") from None
    return {first + timedelta(days=n) for n in range((last - first).days + 1)}
