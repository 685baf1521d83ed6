"""Whose data the warehouse holds of some days: whom a portal must tell when it leaked (PIPL 57, NDR 11).

In: a site and days. Out: people by pseudonym with how much is held of each, and how many visitors nobody can name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from civicrec.warehouse.ports import Warehouse

#: A day at a time: all events of a year at once would not fit beside lists.
_OF_A_DAY = """
SELECT subject_id, count() AS n, countIf(query != '') AS n_queries
FROM events FINAL
WHERE local_date = {day:Date} AND site = {site:String} AND subject_id != ''
GROUP BY subject_id
"""
_UNNAMED = """
SELECT uniqExact(anonymous_id) AS n FROM events
WHERE local_date BETWEEN {first:Date} AND {last:Date} AND site = {site:String} AND subject_id = ''
AND anonymous_id != ''
"""


@dataclass(slots=True)
class Held:
    """What is held of one person: events, those of them with words that were searched, first and last day."""

    first: date
    last: date
    events: int = 0
    queries: int = 0


def people_concerned(warehouse: Warehouse, site: str, first: date, last: date) -> dict[str, Held]:
    """Return pseudonym → what is held of the days `first` to `last`, of people who were signed in."""
    held: dict[str, Held] = {}
    for day in _days(first, last):
        for row in warehouse.rows(_OF_A_DAY, {"day": day, "site": site}):
            person = held.setdefault(row["subject_id"], Held(day, day))
            person.last, person.events = day, person.events + int(row["n"])
            person.queries += int(row["n_queries"])
    return held


def visitors_unnamed(warehouse: Warehouse, site: str, first: date, last: date) -> int:
    """Return how many visitors without login are among those days: a notice to the public is all that reaches them."""
    return int(warehouse.rows(_UNNAMED, {"first": first, "last": last, "site": site})[0]["n"])


def _days(first: date, last: date) -> Iterator[date]:
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)
