"""Since when visitors are divided as they are now: where a report of the hold-out begins unless told.

In: `served`. Out: a day that stays while the share does, so that the report may be looked at every day.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from civicrec.clock import PORTAL_TZ, local_date
from civicrec.reports.report import Window
from civicrec.warehouse.ports import Warehouse

_SQL = f"""
WITH (SELECT argMax(holdout_share, served_at) FROM served WHERE holdout_share > 0) AS last_share
SELECT countIf(holdout_share = last_share) AS lists, countIf(holdout_share != last_share) AS others,
       toDate(minIf(served_at, holdout_share = last_share), '{PORTAL_TZ}') AS first_day,
       toDate(maxIf(served_at, holdout_share != last_share), '{PORTAL_TZ}') AS changed_on
FROM served WHERE holdout_share > 0
"""


def window_since(warehouse: Warehouse, now: datetime, first: date | None = None, last: date | None = None) -> Window:
    """Return the window of a report, from the first whole day of the present share until today where none is named.

    A salt that changed is not seen here; the report says so. Served lists are kept for 90 days, and the first day with
    them.

    Raises
    ------
    InvalidInput
        If the window ends before it begins.
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    end = last or local_date(now)
    return Window(first or _begun(warehouse) or end, end)


def _begun(warehouse: Warehouse) -> date | None:
    (row,) = warehouse.rows(_SQL)
    if not row["lists"]:
        return None
    day: date = row["first_day"]
    return max(day, row["changed_on"] + timedelta(days=1)) if row["others"] else day
