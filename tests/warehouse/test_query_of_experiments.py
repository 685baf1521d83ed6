"""The query that docs/operations.md gives for an experiment, on events whose answer can be counted by hand."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate

pytestmark = pytest.mark.stack
OPERATIONS = (Path(__file__).parents[2] / "docs/operations.md").read_text()
AT = datetime(2026, 3, 10, 4, tzinfo=UTC)


def test_each_list_and_item_counts_once_in_its_variant(warehouse: ClickHouseWarehouse) -> None:
    migrate(warehouse)
    (sql,) = re.findall(r"```sql\n(SELECT variant.+?)```", OPERATIONS, re.S)
    lists = {name: uuid4().hex for name in ("first", "second", "plain", "robot", "elsewhere")}
    happened = [
        *[("impression", "first", "x", "tagged", "veterans", "")] * 2,  # the reader scrolled back
        ("impression", "first", "y", "tagged", "veterans", ""),
        ("impression", "second", "x", "tagged", "veterans", ""),
        *[("click", "second", "x", "tagged", "veterans", "")] * 3,
        ("impression", "plain", "x", "", "veterans", ""),
        ("impression", "plain", "y", "", "veterans", ""),
        ("click", "plain", "x", "", "veterans", ""),
        ("impression", "robot", "x", "tagged", "veterans", "crawler"),
        ("click", "elsewhere", "x", "tagged", "home", ""),
    ]
    names = ("kind", "request_id", "item_id", "variant", "scene", "bot_reason")
    columns = dict(zip(names, map(list, zip(*happened, strict=True)), strict=True))
    columns["request_id"] = [lists[name] for name in columns["request_id"]]
    n = len(happened)
    columns |= {"event_id": [str(uuid4()) for _ in range(n)], "occurred_at": [AT] * n, "local_date": [AT.date()] * n}
    warehouse.insert("events", columns)
    found = {row["variant"]: (row["shown"], row["clicked"], row["rate"]) for row in warehouse.rows(sql)}
    assert found == {"tagged": (3, 1, pytest.approx(1 / 3)), "": (2, 1, 0.5)}
