"""A day is replaced by all of its new rows, or not at all."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from civicrec.errors import Unavailable
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.daily import rebuild_daily, replace_day
from civicrec.warehouse.migrate import migrate
from tests.builders import NOON, uuid7

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


@pytest.mark.parametrize("lost", [1, 5])
def test_rows_that_were_not_stored_replace_no_day(warehouse: ClickHouseWarehouse, lost: int) -> None:
    migrate(warehouse)
    replace_day(warehouse, "actor_tags", DAY, tags(3))
    with pytest.raises(Unavailable, match=f"{5 - lost} of 5 rows for actor_tags"):
        replace_day(Losing(warehouse, lost), "actor_tags", DAY, tags(5))
    assert warehouse.rows("SELECT count() AS n FROM actor_tags") == [{"n": 3}]
    assert replace_day(warehouse, "actor_tags", DAY, tags(5)) == 5
    assert warehouse.rows("SELECT count() AS n FROM actor_tags") == [{"n": 5}]
    assert replace_day(warehouse, "actor_tags", DAY, tags(0)) == 0  # a day that has nothing now
    assert warehouse.rows("SELECT count() AS n FROM actor_tags") == [{"n": 0}]


def test_a_daily_table_whose_rows_were_not_stored_stays_as_it_was(warehouse: ClickHouseWarehouse) -> None:
    migrate(warehouse)
    warehouse.insert(
        "events", {"event_id": [str(uuid7(NOON, 1))], "kind": ["click"], "occurred_at": [NOON], "local_date": [DAY],
                   "item_id": ["i1"], "actor": ["a:1"]},
    )  # fmt: skip
    rebuild_daily(warehouse, DAY, DAY)
    before = warehouse.rows("SELECT * FROM item_daily")
    assert before
    with pytest.raises(Unavailable, match="0 of 1 rows for item_daily"):
        rebuild_daily(Losing(warehouse, 1), DAY, DAY)
    assert warehouse.rows("SELECT * FROM item_daily") == before
    warehouse.command("TRUNCATE TABLE events")
