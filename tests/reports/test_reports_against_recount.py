"""Each report equals a recount of the same events in plain Python, on a real warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from civicrec.crowds import K_ANONYMITY
from civicrec.reports.freshness import freshness
from civicrec.reports.funnel import STEPS, funnel
from civicrec.reports.items import items
from civicrec.reports.ratios import wilson
from civicrec.reports.report import Window
from civicrec.reports.traffic import Period, traffic
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.reports.oracle import DAYS, NOW, Row, bots, events, recount_funnel, recount_items, recount_traffic, store

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module", params=[1, 2])
def stored(request: pytest.FixtureRequest, warehouse: ClickHouseWarehouse) -> list[Row]:
    rows = events(request.param)
    warehouse.command("TRUNCATE TABLE events")
    store(warehouse, rows)
    return rows


@pytest.mark.parametrize("period", ["day", "hour"])
def test_traffic_equals_the_recount(warehouse: ClickHouseWarehouse, stored: list[Row], period: Period) -> None:
    report = traffic(warehouse, DAYS, NOW, by=period, public=False)
    got = {row["period"]: (row["events"], row["actors"], row["sessions"]) for row in report.rows() if row["events"]}
    assert got == recount_traffic(stored, period)
    assert report.bot_events == bots(stored) > 0


def test_public_traffic_hides_small_hours_and_no_others(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    truth = recount_traffic(stored, "hour")
    report = traffic(warehouse, DAYS, NOW, by="hour")
    hidden = {row["period"] for row in report.rows() if row["events"] is None}
    assert hidden == {name for name, (_, actors, _) in truth.items() if actors < K_ANONYMITY}
    assert report.hidden == len(hidden) > 0
    assert all(row["actors"] is None and row["sessions"] is None for row in report.rows() if row["period"] in hidden)


def test_items_equal_the_recount(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    report = items(warehouse, DAYS, NOW)
    truth = recount_items(stored)
    rows = list(report.rows())
    assert {row["item_id"]: {name: row[name] for name in truth[row["item_id"]]} for row in rows} == {
        item_id: {**counted, "active_s": pytest.approx(counted["active_s"])} for item_id, counted in truth.items()
    }
    assert all(row["title"] == row["item_id"] for row in rows)
    assert [row["shown"] for row in rows] == sorted((row["shown"] for row in rows), reverse=True)
    for row in rows:
        assert (row["ctr_low"], row["ctr_high"]) == (wilson(row["clicked"], row["shown"]) or (None, None))


def test_ids_that_the_catalogue_does_not_know_are_counted_and_not_listed(
    warehouse: ClickHouseWarehouse, stored: list[Row]
) -> None:
    report = items(warehouse, DAYS, NOW, {"item-1": "公共租赁\x0b住房申请", "never-seen": "无人看过"})
    assert [(row["item_id"], row["title"]) for row in report.rows()] == [("item-1", "公共租赁 住房申请")]
    others = len(recount_items(stored)) - 1
    assert report.unlisted == others > 0
    assert f"另有 {others} 个编号不在目录中" in report.footnote()


def test_funnel_equals_the_recount(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    truth = recount_funnel(stored)
    rows = list(funnel(warehouse, DAYS, NOW, public=False).rows())
    assert [row["actors"] for row in rows] == truth
    assert [row["kind"] for row in rows] == [kind for kind, _ in STEPS]
    assert truth[0] > truth[1] > truth[2] > truth[3] > 0
    assert rows[2]["of_previous"] == pytest.approx(truth[2] / truth[1])
    assert rows[2]["of_first"] == pytest.approx(truth[2] / truth[0])


def test_freshness_is_the_age_of_the_newest_arrival(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    newest = max(row.occurred_at for row in stored) + timedelta(seconds=3)
    found = freshness(warehouse, NOW)
    assert found.newest_at == newest
    assert found.age_s == (NOW - newest).total_seconds()


def test_a_window_without_events_gives_empty_reports_not_errors(
    warehouse: ClickHouseWarehouse, stored: list[Row]
) -> None:
    empty = Window.last_days(3, datetime(2031, 1, 1, tzinfo=UTC))
    assert list(traffic(warehouse, empty, NOW).rows()) == []
    assert list(items(warehouse, empty, NOW).rows()) == []
    assert [row["actors"] for row in funnel(warehouse, empty, NOW).rows()] == [0, 0, 0, 0]
    assert [row["of_first"] for row in funnel(warehouse, empty, NOW).rows()] == [None] * 4
