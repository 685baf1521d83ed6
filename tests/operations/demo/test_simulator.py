"""The simulator: the stated figures hold, every event keeps the contract, and the same seed tells the same story."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import mean, median
from typing import Any

import msgspec
import pytest

from civicrec.clock import PORTAL_TZ
from civicrec.events import Event, bad_time, parse
from operations.demo.catalogue import demo_items
from operations.demo.needs import NEEDS, needed
from operations.demo.simulator import Parameters, residents, simulate

NOW = datetime(2026, 3, 3, 3, 30, tzinfo=UTC)
ITEMS = {item.item_id: item for item in demo_items(NOW)}
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return list(simulate(list(ITEMS.values()), Parameters(), NOW))


@pytest.fixture(scope="module")
def events(rows: Rows) -> list[Event]:
    parsed = [parse(msgspec.json.encode(row)) for row in rows]
    assert [event for event in parsed if not isinstance(event, Event)] == []
    return [event for event in parsed if isinstance(event, Event)]


@pytest.fixture(scope="module")
def clicks(events: list[Event]) -> list[Event]:
    return [event for event in events if event.kind == "click" and not event.actor.startswith("robot")]


def test_every_event_keeps_the_contract_and_its_time_would_be_accepted(events: list[Event]) -> None:
    assert 120_000 <= len(events) <= 200_000
    assert [event for event in events if bad_time(event, NOW)] == []
    assert max(event.occurred_at for event in events) <= NOW
    assert {event.site for event in events} == {"demo"}
    assert all(event.actor and event.session_id for event in events)


def test_event_ids_are_distinct_uuid7_of_the_event_time(events: list[Event]) -> None:
    assert len({event.event_id for event in events}) == len(events)
    for event in events[::97]:
        assert (event.event_id.version, event.event_id.variant) == (7, "specified in RFC 4122")
        assert event.event_id.int >> 80 == round(event.occurred_at.timestamp() * 1000)


def test_clicks_per_visitor_have_median_4_and_mean_about_9(clicks: list[Event]) -> None:
    per_visitor = Counter(event.actor for event in clicks)
    assert median(per_visitor.values()) == 4
    assert 8 <= mean(per_visitor.values()) <= 10
    assert len(per_visitor) >= 0.99 * Parameters().visitors


def test_the_median_age_of_a_clicked_item_is_about_twenty_hours(clicks: list[Event]) -> None:
    ages_h = []
    for event in clicks:
        published = ITEMS[event.item_id].published_at
        assert published is not None
        ages_h.append((event.occurred_at - published) / timedelta(hours=1))
    assert 15 <= median(ages_h) <= 26


def test_nothing_is_shown_or_clicked_that_is_not_on_the_portal_then(events: list[Event]) -> None:
    for event in events:
        if event.kind in ("impression", "click"):
            item = ITEMS[event.item_id]
            assert item.published_at is not None
            assert item.published_at <= event.occurred_at
            assert item.valid_until is None or event.occurred_at < item.valid_until
            assert (item.status, item.source_permitted) == ("online", True)
            assert item.validity not in ("失效", "废止")


def test_each_group_clicks_what_it_needs_far_more_than_the_others_do(clicks: list[Event]) -> None:
    need_of = {resident.actor: resident.need for resident in residents(Parameters())}
    assert Counter(need_of.values()).keys() == set(range(len(NEEDS)))
    for number, need in enumerate(NEEDS):
        if need.tags:
            hits = defaultdict(list)
            for event in clicks:
                hits[need_of[event.actor] == number].append(needed(ITEMS[event.item_id], need) >= 2)
            assert mean(hits[True]) > 2 * mean(hits[False]), need.name


def test_every_click_stands_where_its_list_showed_the_item(events: list[Event]) -> None:
    shown = {(e.request_id, e.item_id, e.position, e.scene) for e in events if e.kind == "impression"}
    people = [event for event in events if event.kind == "click" and not event.actor.startswith("robot")]
    assert [e for e in people if (e.request_id, e.item_id, e.position, e.scene) not in shown] == []


def test_upper_places_of_a_list_are_clicked_more(clicks: list[Event]) -> None:
    places = Counter(event.position for event in clicks)
    assert places[0] > places[1] > places[2]


def test_a_service_can_only_be_started_while_applications_are_open(events: list[Event]) -> None:
    started = [event for event in events if event.kind == "service_start"]
    assert len(started) > 100
    for event in started:
        item = ITEMS[event.item_id]
        slack = timedelta(minutes=1)  # the visitor opened the page before the first click on "apply"
        assert item.apply_from is None or item.apply_from <= event.occurred_at
        assert item.apply_until is None or event.occurred_at < item.apply_until + slack


def test_visits_follow_the_day_in_china_and_consent_is_mixed(events: list[Event]) -> None:
    people = [event for event in events if not event.actor.startswith("robot")]
    hours = Counter(event.occurred_at.astimezone(PORTAL_TZ).hour for event in people)
    assert hours[10] > 5 * hours[4]
    consents = Counter({event.actor: event.consent for event in people}.values())
    assert consents.keys() == {"personalise", "measure"}
    assert 0.7 < consents["personalise"] / consents.total() < 0.9


def test_the_events_of_a_session_stand_together_in_order_and_sessions_by_their_start(rows: Rows) -> None:
    starts, closed = [], set()
    session, last = "", ""
    for row in rows:
        if row["session_id"] != session:
            assert row["session_id"] not in closed
            session, last = row["session_id"], ""
            closed.add(session)
            starts.append(row["occurred_at"])
        if row["kind"] in ("click", "read"):
            assert row["occurred_at"] >= last
            last = row["occurred_at"]
    assert starts == sorted(starts)


def test_the_same_seed_and_time_tell_the_same_story_and_another_seed_another() -> None:
    items = list(ITEMS.values())
    small = Parameters(visitors=60)
    first = list(simulate(items, small, NOW))
    assert list(simulate(items, small, NOW)) == first
    assert list(islice(simulate(items, Parameters(visitors=60, seed=8), NOW), 50)) != first[:50]


def test_an_empty_catalogue_makes_visits_without_items_and_no_fault() -> None:
    assert {row["kind"] for row in simulate([], Parameters(visitors=20), NOW)} <= {"page_view", "search"}
