"""Who did what, as reports count: against a plain reading of each event, in every order in which events may come."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from civicrec.events import anonymous_actor
from civicrec.reports.funnel import funnel
from civicrec.reports.items import items
from civicrec.reports.people import BY_PERSON, people_of
from civicrec.reports.report import Window
from civicrec.reports.traffic import traffic
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.reports.oracle import NOW
from tests.reports.visits import SHARED, Visit, person_of, store_visits

pytestmark = pytest.mark.stack

ONE, OTHER = "1" * 32, "2" * 32
WEEK = Window(date(2026, 3, 2), date(2026, 3, 8))
NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

visits = st.lists(
    st.builds(
        Visit,
        browser=st.sampled_from(["", "b1", "b1", "b1", "b2"]),
        subject=st.sampled_from(["", "", "", ONE, OTHER]),
        # Gaps just within and just beyond a session, and days that end within one.
        at=st.tuples(st.integers(0, 3), st.integers(0, 6), st.sampled_from([0, 1, 1_799_999, 1_800_000])).map(
            lambda parts: (
                datetime(2026, 3, 7, 14, tzinfo=UTC)
                + timedelta(hours=12 * parts[0], minutes=30 * parts[1], milliseconds=parts[2])
            )
        ),
        kind=st.sampled_from(["impression", "click", "read"]),
        site=st.sampled_from(["portal", "portal", "portal", SHARED]),
        bot_reason=st.sampled_from(["", "", "", "", "declared"]),
    ),
    max_size=14,
)


def people(warehouse: ClickHouseWarehouse, window: Window = WEEK) -> dict[UUID, str]:
    sql = f"SELECT event_id, person FROM ({BY_PERSON})"
    return {row["event_id"]: row["person"] for row in warehouse.rows(sql, people_of(window, [SHARED]))}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=visits, order=st.randoms(use_true_random=False))
def test_whoever_signs_in_is_one_person_in_whatever_order_events_come(
    warehouse: ClickHouseWarehouse, drawn: list[Visit], order: random.Random
) -> None:
    made = [replace(visit, event_id=UUID(int=n + 1)) for n, visit in enumerate(drawn)]
    shuffled = list(made)
    order.shuffle(shuffled)
    store_visits(warehouse, shuffled, parts=order.randint(1, 3))
    truth = {visit.event_id: person_of(visit, made) for visit in made if WEEK.first <= visit.local_day <= WEEK.last}
    assert people(warehouse) == truth


def reading(browser: str, minutes: int, subject: str = "", kind: str = "click", item: str = "i1") -> Visit:
    return Visit(browser, subject, NOON + minutes * MINUTE, kind, event_id=UUID(int=1000 + minutes), item_id=item)


def names(warehouse: ClickHouseWarehouse, made: list[Visit]) -> list[str]:
    store_visits(warehouse, made)
    found = people(warehouse)
    return [found[one.event_id] for one in made]


B1 = anonymous_actor("b1")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([reading("b1", 0), reading("b1", 30), reading("b1", 60, ONE)], [ONE, ONE, ONE]),
        ([reading("b1", 0), reading("b1", 31), reading("b1", 60, ONE)], [B1, ONE, ONE]),
        ([reading("b1", 0, ONE), reading("b1", 10)], [ONE, ONE]),
        ([reading("b1", 0, ONE), reading("b1", 10), reading("b1", 20, OTHER)], [ONE, B1, OTHER]),
        ([reading("b1", 0, ONE), reading("b1", 10), reading("b1", 20, ONE)], [ONE, ONE, ONE]),
        ([reading("b1", 0), reading("b2", 1, ONE)], [B1, ONE]),
        ([reading("b1", n, ONE if n == 1470 else "") for n in range(0, 1471, 30)], [B1] + [ONE] * 49),
    ],
    ids=["session", "gap", "signed out", "two people", "signed in again", "other device", "a day at most"],
)
def test_a_person_is_joined_within_the_session_of_the_login(
    warehouse: ClickHouseWarehouse, made: list[Visit], expected: list[str]
) -> None:
    assert names(warehouse, made) == expected


def test_nobody_is_joined_on_a_site_of_shared_devices(warehouse: ClickHouseWarehouse) -> None:
    made = [replace(one, site=SHARED) for one in (reading("b1", 0), reading("b1", 5, ONE))]
    assert names(warehouse, made) == [B1, ONE]
    rows = traffic(warehouse, WEEK, NOW, public=False, shared_sites=[SHARED]).rows()
    assert [row["actors"] for row in rows] == [2]
    assert [row["actors"] for row in traffic(warehouse, WEEK, NOW, public=False).rows()] == [1]


def test_every_report_counts_who_signed_in_once(warehouse: ClickHouseWarehouse) -> None:
    made = []
    for n in range(12):
        browser, subject = f"b{n}", f"{n:032x}"
        made += [
            replace(reading(browser, 0, kind="impression"), event_id=UUID(int=3 * n + 1)),
            replace(reading(browser, 1), event_id=UUID(int=3 * n + 2)),
            replace(reading(browser, 2, subject, "read"), event_id=UUID(int=3 * n + 3)),
        ]
    store_visits(warehouse, made)
    assert [(row["events"], row["actors"]) for row in traffic(warehouse, WEEK, NOW).rows()] == [(36, 12)]
    assert [(row["actors"], row["shown"], row["clicked"]) for row in items(warehouse, WEEK, NOW).rows()] == [
        (12, 12, 12)
    ]
    assert [row["actors"] for row in funnel(warehouse, WEEK, NOW).rows()][:3] == [12, 12, 12]


def test_a_day_says_the_same_in_whatever_window_it_stands(warehouse: ClickHouseWarehouse) -> None:
    midnight = datetime(2026, 3, 4, 16, tzinfo=UTC)
    before = replace(reading("b1", 0), at=midnight - 5 * MINUTE)
    after = replace(reading("b1", 1, ONE), at=midnight + 5 * MINUTE)
    store_visits(warehouse, [before, after])
    day = Window(before.local_day, before.local_day)
    assert people(warehouse, day) == {before.event_id: ONE}
    assert Counter(people(warehouse).values()) == {ONE: 2}
