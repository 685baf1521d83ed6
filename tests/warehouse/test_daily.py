"""A day is replaced by all of its new rows, or not at all."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from civicrec.errors import Unavailable
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.daily import DAILY_TABLES, item_daily, rebuild_daily, replace_day, traffic_daily
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


def test_made_up_names_share_one_row_and_are_counted(
    warehouse: ClickHouseWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(warehouse)
    warehouse.command("TRUNCATE TABLE events")
    # Three names of two actors each, one of a robot's, and fifty that one sender makes up.
    names = [f"known-{n % 3}" for n in range(6)] + ["robot"] * 9 + [f"zz-{n}" for n in range(50)]
    n_rows = len(names)
    warehouse.insert(
        "events",
        {"event_id": [str(uuid7(NOON, n)) for n in range(n_rows)], "kind": ["click"] * n_rows,
         "occurred_at": [NOON] * n_rows, "local_date": [DAY] * n_rows, "item_id": names, "site": names,
         "bot_reason": ["x" if name == "robot" else "" for name in names], "session_id": ["s"] * n_rows,
         "actor": [f"a{n // 3}" for n in range(6)] + ["b"] * 9 + ["sender"] * 50},
    )  # fmt: skip
    monkeypatch.setitem(DAILY_TABLES, "item_daily", item_daily(3))
    monkeypatch.setitem(DAILY_TABLES, "traffic_daily", traffic_daily(3))
    rebuild_daily(warehouse, DAY, DAY)
    known = [{"name": f"known-{n}", "n": 2, "actors": 2} for n in range(3)]
    items = "SELECT item_id AS name, clicks AS n, actors FROM item_daily ORDER BY name"
    assert warehouse.rows(items) == [{"name": "", "n": 50, "actors": 1}, *known]
    assert warehouse.rows("SELECT sum(bot_events) AS n FROM item_daily") == [{"n": 9}]
    sites = "SELECT site AS name, events AS n, actors, sessions FROM traffic_daily ORDER BY name"
    assert warehouse.rows(sites) == [
        {"name": "", "n": 50, "actors": 1, "sessions": 50}, *({**row, "sessions": 1} for row in known)
    ]  # fmt: skip
    warehouse.command("TRUNCATE TABLE events")
