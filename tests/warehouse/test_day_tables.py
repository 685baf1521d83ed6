"""A day is replaced by all of its new rows, or not at all."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from civicrec.errors import Unavailable
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.day_tables import drop_days_before, replace_day
from civicrec.warehouse.migrate import migrate
from tests.builders import NOON

pytestmark = pytest.mark.stack

DAY = date(2026, 1, 31)


class Losing:
    """A warehouse that says it has stored what it has not, the last `lost` rows of each table."""

    def __init__(self, warehouse: ClickHouseWarehouse, lost: int) -> None:
        self._warehouse, self._lost = warehouse, lost
        self.query, self.rows = warehouse.query, warehouse.rows

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], token: str = "") -> int:
        n_rows = len(next(iter(columns.values())))
        kept = {name: values[: n_rows - self._lost] for name, values in columns.items()}
        self._warehouse.insert(table, kept, token)
        return n_rows

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        if sql.startswith("INSERT INTO"):
            return self._warehouse.command(f"{sql} LIMIT 0", parameters) + self._lost
        return self._warehouse.command(sql, parameters)


def tags(n: int) -> dict[str, Sequence[Any]]:
    return {"actor": ["a:1"] * n, "tag": [str(k) for k in range(n)], "weight": [1.0] * n, "evidence": [1] * n,
            "last_at": [NOON] * n}  # fmt: skip


def emptied(warehouse: ClickHouseWarehouse) -> None:
    """Take away what other tests of the folder left."""
    migrate(warehouse)
    warehouse.command("TRUNCATE TABLE actor_tags")


@pytest.mark.parametrize("lost", [1, 5])
def test_rows_that_were_not_stored_replace_no_day(warehouse: ClickHouseWarehouse, lost: int) -> None:
    emptied(warehouse)
    replace_day(warehouse, "actor_tags", DAY, [tags(3)])
    with pytest.raises(Unavailable, match=f"{5 - lost} of 5 rows for actor_tags"):
        replace_day(Losing(warehouse, lost), "actor_tags", DAY, [tags(5)])
    assert warehouse.rows("SELECT count() AS n FROM actor_tags") == [{"n": 3}]
    assert replace_day(warehouse, "actor_tags", DAY, [tags(5)]) == 5
    assert warehouse.rows("SELECT count() AS n FROM actor_tags") == [{"n": 5}]
    for _ in range(2):  # a day that has nothing now, and one that had nothing
        assert replace_day(warehouse, "actor_tags", DAY, [tags(0)]) == 0
        assert warehouse.rows("SELECT count() AS n FROM actor_tags") == [{"n": 0}]


def test_whole_days_are_replaced_and_dropped_and_no_others(warehouse: ClickHouseWarehouse) -> None:
    emptied(warehouse)
    for age in range(3):
        replace_day(warehouse, "actor_tags", DAY - timedelta(days=age), [tags(age + 1)])
    replace_day(warehouse, "actor_tags", DAY - timedelta(days=1), [tags(7)])
    counts = "SELECT day, count() AS n FROM actor_tags GROUP BY day ORDER BY day"
    assert [row["n"] for row in warehouse.rows(counts)] == [3, 7, 1]
    assert drop_days_before(warehouse, "actor_tags", DAY - timedelta(days=1)) == 1
    assert [row["n"] for row in warehouse.rows(counts)] == [7, 1]
