"""Daily tables: rebuilt a whole day at a time from de-duplicated events, and swapped in at once.

In: days. Out: the same tables whatever was there before; a reader sees a day either as it was or as it is, and
running it again changes nothing. Rows that are not all there replace nothing. Flagged bots are counted apart and are in
no other figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from civicrec.errors import Unavailable
from civicrec.warehouse.ports import Warehouse

#: An event may be 30 days old when it arrives (`civicrec.events.MAX_AGE`), so that many days may still change.
OPEN_DAYS = 31

#: Names a day that get rows of their own, those of the most actors: ids and, where no sites are configured, their names
#: are what a sender makes up. All others of a day share the row of the empty name, so that nothing goes uncounted.
NAMED_ITEMS, NAMED_SITES = 200_000, 1_000


def _named(column: str, most: int) -> str:
    """Write the name a row of events is counted under."""
    # Not FINAL: an event that is there twice has one actor. Sorted are only days that have too many names, if any.
    return f"""if((local_date, {column}) IN (
           SELECT local_date, {column} FROM events
           WHERE local_date IN (SELECT local_date FROM events WHERE local_date BETWEEN {{first:Date}} AND {{last:Date}}
                                GROUP BY local_date HAVING uniqExact({column}) > {most})
           GROUP BY local_date, {column} ORDER BY uniqIf(actor, bot_reason = '') DESC, {column}
           LIMIT 1000000000 OFFSET {most} BY local_date), '', {column})"""


def item_daily(most: int = NAMED_ITEMS) -> str:
    """Return the SELECT that is `item_daily`."""
    return f"""
SELECT local_date AS day, {_named("item_id", most)} AS named,
       countIf(kind = 'impression' AND bot_reason = '') AS impressions,
       countIf(kind = 'click' AND bot_reason = '') AS clicks,
       uniqExactIf((site, if(session_id = '', actor, session_id)), kind = 'read' AND bot_reason = '') AS reads,
       sumIf(ifNull(active_ms, 0), kind = 'read' AND bot_reason = '') AS active_ms,
       uniqExactIf(actor, bot_reason = '') AS actors,
       countIf(bot_reason != '') AS bot_events
FROM events FINAL
WHERE local_date BETWEEN {{first:Date}} AND {{last:Date}} AND item_id != ''
GROUP BY day, named
"""


def traffic_daily(most: int = NAMED_SITES) -> str:
    """Return the SELECT that is `traffic_daily`."""
    return f"""
SELECT local_date AS day, {_named("site", most)} AS named, channel, kind,
       count() AS events,
       uniqExact(actor) AS actors,
       uniqExactIf((site, session_id), session_id != '') AS sessions
FROM events FINAL
WHERE local_date BETWEEN {{first:Date}} AND {{last:Date}} AND bot_reason = ''
GROUP BY day, named, channel, kind
"""


#: Daily table → the SELECT that is its definition. `reads` are sessions with at least one engagement ping,
#: because pings of one reading add up; where no session was told, actors. A session belongs to a site and not to an
#: actor: who logs in during a visit is another actor and still in the same session.
DAILY_TABLES: dict[str, str] = {"item_daily": item_daily(), "traffic_daily": traffic_daily()}

_ROWS_PER_INSERT = 200_000


def rebuild_daily(
    warehouse: Warehouse, first: date, last: date, report: Callable[[int, int], None] = lambda *_: None
) -> dict[str, int]:
    """Rebuild every daily table for the days first..last; return table → rows these days have now."""
    days = (last - first).days + 1
    made: dict[str, int] = {}
    for place, (table, select) in enumerate(DAILY_TABLES.items()):
        staging = _empty_staging(warehouse, table)
        n_rows = warehouse.command(f"INSERT INTO {staging} {select}", {"first": first, "last": last})
        _swap_in(warehouse, table, first, last, n_rows)
        report(days * (place + 1), days * len(DAILY_TABLES))
        made[table] = count_days(warehouse, table, first, last)
    return made


def replace_day(warehouse: Warehouse, table: str, day: date, columns: Mapping[str, Sequence[Any]]) -> int:
    """Make the rows of one day of a table with a `day` column exactly these; return how many there are."""
    staging = _empty_staging(warehouse, table)
    n_rows = len(next(iter(columns.values()), ()))
    for start in range(0, n_rows, _ROWS_PER_INSERT):
        part = {name: values[start : start + _ROWS_PER_INSERT] for name, values in columns.items()}
        warehouse.insert(staging, {"day": [day] * len(next(iter(part.values()))), **part})
    _swap_in(warehouse, table, day, day, n_rows)
    return n_rows


def drop_days_before(warehouse: Warehouse, table: str, day: date) -> int:
    """Remove whole days older than `day`; return how many."""
    old = {row["day"] for row in warehouse.rows(f"SELECT DISTINCT day FROM {table} WHERE day < {{day:Date}}",
                                                {"day": day})}  # fmt: skip
    for one in sorted(old):
        warehouse.command(f"ALTER TABLE {table} DROP PARTITION {one:%Y%m%d}")
    return len(old)


def open_days(day: date) -> tuple[date, date]:
    """Return the first and last day that a run for `day` rebuilds."""
    return day - timedelta(days=OPEN_DAYS - 1), day


def count_days(warehouse: Warehouse, table: str, first: date, last: date) -> int:
    """Return how many rows a table with a `day` column has of the days first..last."""
    sql = f"SELECT count() AS n FROM {table} WHERE day BETWEEN {{first:Date}} AND {{last:Date}}"
    return int(warehouse.rows(sql, {"first": first, "last": last})[0]["n"])


def _empty_staging(warehouse: Warehouse, table: str) -> str:
    # Dropped, not truncated: a migration may have given the table another column since.
    staging = f"{table}_staging"
    warehouse.command(f"DROP TABLE IF EXISTS {staging} SYNC")
    warehouse.command(f"CREATE TABLE {staging} AS {table}")
    return staging


def _swap_in(warehouse: Warehouse, table: str, first: date, last: date, n_rows: int) -> None:
    staged = count_days(warehouse, f"{table}_staging", first, last)
    if staged != n_rows:
        raise Unavailable(
            f"{staged} of {n_rows} rows for {table}, {first} to {last}, are stored; "
            "these days stay as they were, try again"
        )
    made = _days(warehouse, f"{table}_staging", first, last)
    for day in sorted(made):
        warehouse.command(f"ALTER TABLE {table} REPLACE PARTITION {day:%Y%m%d} FROM {table}_staging")
    # ClickHouse refuses to replace a day by nothing, so a day whose events are gone is dropped.
    for day in sorted(_days(warehouse, table, first, last) - made):
        warehouse.command(f"ALTER TABLE {table} DROP PARTITION {day:%Y%m%d}")
    warehouse.command(f"DROP TABLE {table}_staging SYNC")


def _days(warehouse: Warehouse, table: str, first: date, last: date) -> set[date]:
    sql = f"SELECT DISTINCT day FROM {table} WHERE day BETWEEN {{first:Date}} AND {{last:Date}}"
    return {row["day"] for row in warehouse.rows(sql, {"first": first, "last": last})}
