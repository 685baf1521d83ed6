"""Who started to apply and did not submit, by events of a real warehouse."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from civicrec.warehouse.applications import started_only
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate

pytestmark = pytest.mark.stack
AT = datetime(2026, 3, 10, 4, tzinfo=UTC)
DAY = date(2026, 3, 10)


def store(warehouse: ClickHouseWarehouse, item: str, *events: tuple[str, str, int]) -> None:
    """Store (who, kind, minutes later); a kind may be followed by a consent, or `bot`."""
    migrate(warehouse)
    rows: list[dict[str, Any]] = []
    for who, words, minutes in events:
        kind, _, special = words.partition(" ")
        rows.append({
            "event_id": str(uuid4()), "kind": kind, "item_id": item, "subject_id": who, "actor": who,
            "occurred_at": AT + timedelta(minutes=minutes), "local_date": DAY,
            "consent": special if special in ("none", "measure") else "personalise",
            "bot_reason": "agent" if special == "bot" else "",
        })  # fmt: skip
    warehouse.insert("events", {name: [row[name] for row in rows] for name in rows[0]})


def test_who_submitted_has_done_with_it_and_who_began_again_has_not(warehouse: ClickHouseWarehouse) -> None:
    item = f"i{uuid4().hex[:8]}"
    store(
        warehouse, item, ("began", "service_start", 0), ("began", "service_start", 1),
        ("done", "service_start", 0), ("done", "service_submit", 1), ("complete", "service_start", 0),
        ("complete", "service_complete", 9), ("again", "service_start", 0), ("again", "service_submit", 1),
        ("again", "service_start", 2), ("only-measured", "service_start measure", 0), ("robot", "service_start bot", 0),
        ("reader", "click", 0), ("", "service_start", 0),
    )  # fmt: skip
    assert started_only(warehouse, [item, "another"], DAY) == ["again", "began"]
    assert started_only(warehouse, [item], DAY + timedelta(days=1)) == []
    assert started_only(warehouse, ["another"], DAY) == []
