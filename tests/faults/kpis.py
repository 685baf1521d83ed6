"""The reports against a recount, in plain Python, of what the senders sent."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from civicrec.clock import utc_now
from civicrec.reports.funnel import funnel
from civicrec.reports.items import items
from civicrec.reports.report import Window
from civicrec.reports.traffic import Period, traffic
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.ports import Warehouse
from tests.faults.load import ROBOT_REASON, Sender, events_sent
from tests.reports import oracle
from tests.reports.oracle import Row


def assert_kpis_equal_what_was_sent(settings: Settings, senders: Sequence[Sender]) -> None:
    """Compare every report over all days that have events with a recount."""
    rows = [_row(event) for event in events_sent(senders)]
    days = {row.local_day for row in rows}
    window = Window(min(days), max(days))
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        _assert_reports_equal(warehouse, window, rows)


def _assert_reports_equal(warehouse: Warehouse, window: Window, rows: list[Row]) -> None:
    now, flagged = utc_now(), oracle.bots(rows, window)
    periods: tuple[Period, ...] = ("day", "hour")
    for period in periods:
        report = traffic(warehouse, window, now, by=period, public=False)
        found = {
            row["period"]: (row["events"], row["actors"], row["sessions"]) for row in report.rows() if row["events"]
        }
        assert found == oracle.recount_traffic(rows, period, window)
        assert report.bot_events == flagged > 0
    shown, recounted = items(warehouse, window, now), oracle.recount_items(rows, window)
    assert {row["item_id"] for row in shown.rows()} == recounted.keys()
    for row in shown.rows():
        assert {name: row[name] for name in recounted[row["item_id"]]} == pytest.approx(recounted[row["item_id"]])
    steps = [row["actors"] for row in funnel(warehouse, window, now, public=False).rows()]
    assert steps == oracle.recount_funnel(rows, window)


def _row(event: dict[str, Any]) -> Row:
    return Row(
        event_id=UUID(event["event_id"]), kind=event["kind"], occurred_at=datetime.fromisoformat(event["occurred_at"]),
        actor=event["anonymous_id"], session_id=event["session_id"], item_id=event["item_id"],
        request_id=event["request_id"], active_ms=event["active_ms"],
        bot_reason=ROBOT_REASON if event["channel"] == "web" else "", site=event["site"], channel=event["channel"],
    )  # fmt: skip
