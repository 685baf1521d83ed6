"""The reports an analyst asks for by name, on the same functions as the console and `civicrec report`.

In: a session and days. Out: a `Frame` with the figures of at least ten people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from civicrec.analysis.mistakes import unknown
from civicrec.clock import utc_now
from civicrec.errors import NotFound
from civicrec.reports.funnel import funnel
from civicrec.reports.item_life import item_life
from civicrec.reports.items import items
from civicrec.reports.paths import paths
from civicrec.reports.report import Report, Window
from civicrec.reports.retention import retention
from civicrec.reports.sessions import sessions
from civicrec.reports.traffic import traffic

if TYPE_CHECKING:
    from civicrec.analysis.frame import Frame
    from civicrec.analysis.session import Session

TITLED = ("items", "item_life", "paths")
"""Reports that name items by their titles."""

DEFAULT_DAYS = 30
"""Days of a report that names none: the last thirty, today included."""

REPORTS: Mapping[str, Callable[..., Report]] = {
    "traffic": traffic,
    "items": items,
    "funnel": funnel,
    "sessions": sessions,
    "retention": retention,
    "item_life": item_life,
    "paths": paths,
}
"""Each takes a warehouse, a window, now, `public` and `shared_sites`, and words of its own."""


class UnknownReport(NotFound, AttributeError):
    """There is no report of this name."""


class Reports:
    """``session.reports.traffic(days=7)``: the reports, with a window that has defaults.

    Each takes ``first`` and ``last`` (days, both included), or ``days`` up to today, and its own words.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def __dir__(self) -> list[str]:
        return sorted(REPORTS)

    def __getattr__(self, name: str) -> Callable[..., Frame]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in REPORTS:
            raise UnknownReport(unknown("report", name, REPORTS))

        def ask(
            days: int = DEFAULT_DAYS, *, first: date | str | None = None, last: date | str | None = None, **words: Any
        ) -> Frame:
            now = utc_now()
            return self._session.report(name, window_of(days, first, last, now), now, words)

        ask.__name__, ask.__doc__ = name, REPORTS[name].__doc__
        return ask


def window_of(days: int, first: date | str | None, last: date | str | None, now: datetime) -> Window:
    """Return the days somebody asks for.

    Raises
    ------
    InvalidInput
        If a day is none, or the window is turned round.
    """
    from civicrec.errors import InvalidInput

    def day(given: date | str) -> date:
        try:
            return given if isinstance(given, date) else date.fromisoformat(given)
        except (TypeError, ValueError):
            raise InvalidInput(f"got {given!r}; expected a day such as 2026-03-02") from None

    if days < 1:
        raise InvalidInput(f"got {days} days; expected 1 or more")
    recent = Window.last_days(days, now)
    end = day(last) if last else recent.last
    return Window(day(first), end) if first else Window(end - (recent.last - recent.first), end)
