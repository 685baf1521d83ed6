"""Tables with a row per day: a whole day is replaced at once, or not at all.

In: a day and its rows. Out: the same table whatever was there before; a reader sees a day either as it was or as it is,
and doing it again changes nothing. Rows that are not all there replace nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from civicrec.errors import Unavailable
from civicrec.warehouse.ports import Warehouse

_ROWS_PER_INSERT = 200_000


def replace_day(warehouse: Warehouse, table: str, day: date, parts: Iterable[Mapping[str, Sequence[Any]]]) -> int:
    """Make the rows of one day of a table with a `day` column exactly these; return how many there are."""
    staging, n_rows = _empty_staging(warehouse, table), 0
    for columns in parts:
        n_of_part = len(next(iter(columns.values()), ()))
        for start in range(0, n_of_part, _ROWS_PER_INSERT):
            slice_ = {name: values[start : start + _ROWS_PER_INSERT] for name, values in columns.items()}
            warehouse.insert(staging, {"day": [day] * len(next(iter(slice_.values()))), **slice_})
        n_rows += n_of_part
    _swap_in(warehouse, table, day, n_rows)
    return n_rows


def compute_day(
    warehouse: Warehouse, table: str, day: date, select: str, parameters: Iterable[Mapping[str, Any]]
) -> int:
    """Make the rows of one day what a SELECT returns, once with each of the parameters; return how many there are.

    Parameters
    ----------
    select
        Returns all columns of the table, in its order.
    """
    staging = _empty_staging(warehouse, table)
    written = sum(warehouse.command(f"INSERT INTO {staging} {select}", one) for one in parameters)
    # A proxy may have taken the number from the answers.
    n_rows = written or count_day(warehouse, staging, day)
    _swap_in(warehouse, table, day, n_rows)
    return n_rows


def drop_days_before(warehouse: Warehouse, table: str, day: date) -> int:
    """Remove whole days older than `day`; return how many."""
    old = {row["day"] for row in warehouse.rows(f"SELECT DISTINCT day FROM {table} WHERE day < {{day:Date}}",
                                                {"day": day})}  # fmt: skip
    for one in sorted(old):
        warehouse.command(f"ALTER TABLE {table} DROP PARTITION {one:%Y%m%d}")
    return len(old)


def count_day(warehouse: Warehouse, table: str, day: date) -> int:
    """Return how many rows a table with a `day` column has of a day."""
    return int(warehouse.rows(f"SELECT count() AS n FROM {table} WHERE day = {{day:Date}}", {"day": day})[0]["n"])


def staging_of(table: str) -> str:
    """Return the name of the table in which a day of `table` is made ready."""
    return f"{table}_staging"


def _empty_staging(warehouse: Warehouse, table: str) -> str:
    # Dropped, not truncated: a migration may have given the table another column since.
    staging = staging_of(table)
    warehouse.command(f"DROP TABLE IF EXISTS {staging} SYNC")
    warehouse.command(f"CREATE TABLE {staging} AS {table}")
    return staging


def _swap_in(warehouse: Warehouse, table: str, day: date, n_rows: int) -> None:
    staged = count_day(warehouse, staging_of(table), day)
    if staged != n_rows:
        raise Unavailable(
            f"{staged} of {n_rows} rows for {table}, {day}, are stored; the day stays as it was, try again"
        )
    # ClickHouse refuses to replace a day by nothing, so a day that has no rows now is dropped.
    with_what = f"REPLACE PARTITION {day:%Y%m%d} FROM {staging_of(table)}" if n_rows else f"DROP PARTITION {day:%Y%m%d}"
    warehouse.command(f"ALTER TABLE {table} {with_what}")
    warehouse.command(f"DROP TABLE {staging_of(table)} SYNC")
