"""Sessions, retention, lives of items and paths equal a recount in plain Python, on a real warehouse."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from civicrec.crowds import K_ANONYMITY
from civicrec.reports.item_life import item_life
from civicrec.reports.paths import OTHERS, paths
from civicrec.reports.report import Window
from civicrec.reports.retention import retention
from civicrec.reports.sessions import sessions
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.reports.oracle import DAYS, NOW, Row, bots, events, store
from tests.reports.walks_oracle import (
    recount_lives,
    recount_paths,
    recount_people_of,
    recount_retention,
    recount_sessions,
)

pytestmark = pytest.mark.stack
#: Two weeks around the nine days of events: both end within.
WEEKS = Window(date(2026, 2, 23), date(2026, 3, 15))


@pytest.fixture(scope="module", params=[1, 2])
def stored(request: pytest.FixtureRequest, warehouse: ClickHouseWarehouse) -> list[Row]:
    # Sessions of their own for each actor and day, beside those that several share.
    rows = events(request.param)
    warehouse.command("TRUNCATE TABLE events")
    store(warehouse, rows)
    return rows


def test_sessions(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    report = sessions(warehouse, DAYS, NOW, public=False)
    truth = recount_sessions(stored)
    assert {row.pop("period"): pytest.approx(row) for row in report.rows()} == truth
    assert report.bot_events == bots(stored)


def test_retention(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    truth = recount_retention(stored, WEEKS)
    rows = list(retention(warehouse, WEEKS, NOW, public=False).rows())
    assert {(row["cohort"], row["week"]): (row["people"], row["actors"]) for row in rows} == truth
    assert all(row["rate"] == pytest.approx(row["actors"] / row["people"]) for row in rows)
    assert len(truth) > 3
    hidden = {(row["cohort"], row["week"]) for row in retention(warehouse, WEEKS, NOW).rows() if row["rate"] is None}
    assert hidden == {key for key, both in truth.items() if any(0 < n < K_ANONYMITY for n in both)}
    # A week that is not over is not listed.
    assert max(row["week"] for row in retention(warehouse, Window(WEEKS.first, date(2026, 3, 7)), NOW).rows()) == 0


def test_lives_of_items(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    truth = recount_lives(stored)
    rows = list(item_life(warehouse, DAYS, NOW, public=False).rows())
    assert [row["reads"] for row in rows] == sorted((one["reads"] for one in truth.values()), reverse=True)
    found = {row["item_id"]: {name: row[name] for name in truth[row["item_id"]]} for row in rows}
    assert found == {item: {**one, "first_share": pytest.approx(one["first_share"])} for item, one in truth.items()}
    public = {row["item_id"] for row in item_life(warehouse, DAYS, NOW).rows() if row["reads"] is None}
    assert public == {item for item, one in truth.items() if one["actors"] < K_ANONYMITY}


def test_paths(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    truth = recount_paths(stored)
    *listed, rest = paths(warehouse, DAYS, NOW, public=False, top=5).rows()
    assert {(row["from_id"], row["to_id"]): (row["times"], row["actors"]) for row in listed}.items() <= truth.items()
    assert [row["actors"] for row in listed] == sorted((n for _, n in truth.values()), reverse=True)[:5]
    others = truth.keys() - {(row["from_id"], row["to_id"]) for row in listed}
    assert rest["from_title"] == OTHERS
    assert (rest["times"], rest["actors"]) == (
        sum(truth[step][0] for step in others), recount_people_of(stored, others)
    )  # fmt: skip


def test_paths_from_and_to_an_item(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    truth = recount_paths(stored)
    found = paths(warehouse, DAYS, NOW, {"item-1": "住房"}, before="item-1", public=False, top=1_000)
    assert {(row["from_id"], row["to_id"]): (row["times"], row["actors"]) for row in found.rows()} == {
        step: counted for step, counted in truth.items() if step[0] == "item-1"
    }
    assert {row["from_title"] for row in found.rows()} == {"住房"}
    found = paths(warehouse, DAYS, NOW, after="item-2", public=False, top=1_000)
    assert {row["from_id"] for row in found.rows()} == {step[0] for step in truth if step[1] == "item-2"}


def test_steps_of_few_people_are_among_the_others(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    truth = recount_paths(stored)
    many = {step for step, (_, actors) in truth.items() if actors >= K_ANONYMITY}
    rows = list(paths(warehouse, DAYS, NOW, top=1_000).rows())
    assert {(row["from_id"], row["to_id"]) for row in rows if row["from_id"]} == many


def test_a_window_without_events_gives_no_rows(warehouse: ClickHouseWarehouse, stored: list[Row]) -> None:
    empty = Window(DAYS.first + timedelta(days=900), DAYS.last + timedelta(days=900))
    for report in (sessions, retention, item_life, paths):
        assert list(report(warehouse, empty, NOW).rows()) == []
