"""Robots told by what they do, and people who are in a hurry, come late, or send everything twice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.events import Event
from collectors.robots.behaviour import Behaviour
from tests.builders import NOON, an_event


def events(kind: str, at_s: Iterable[float], actor: str = "a", item: str = "i{}", **fields: str) -> list[Event]:
    """One event at each second after noon, ids of their own."""
    return [
        an_event(
            kind,
            item.format(n),
            n=crc32(f"{kind} {actor} {n}".encode()),
            at=NOON + timedelta(seconds=s),
            anonymous_id=actor,
            **fields,
        )
        for n, s in enumerate(at_s)
    ]


def judged(behaviour: Behaviour, *groups: list[Event]) -> list[str]:
    return [behaviour.suspicion(event) for group in groups for event in group]  # type: ignore[arg-type]


def every(seconds: float, n: int) -> list[float]:
    return [seconds * k for k in range(n)]


@pytest.mark.parametrize("kind", ["click", "page_view", "search", "download", "share"])
def test_more_than_one_action_a_second_for_a_minute_is_a_robot(kind: str) -> None:
    found = judged(Behaviour(), events(kind, every(0.5, 300)))
    assert found[:60] == [""] * 60
    assert set(found[60:]) == {"behaviour:rate"}


def test_one_action_every_two_seconds_for_an_hour_is_a_person() -> None:
    assert set(judged(Behaviour(), events("page_view", every(2, 1_800)))) == {""}


def test_dozens_of_pages_within_two_seconds_are_a_robot() -> None:
    found = judged(Behaviour(), events("page_view", every(0.05, 40)))
    assert found == [""] * 23 + ["behaviour:speed"] * 17


def test_a_folder_of_twenty_tabs_opened_at_once_is_a_person() -> None:
    assert set(judged(Behaviour(), events("page_view", [0] * 20))) == {""}


def test_lists_that_come_by_the_screenful_and_reads_by_the_clock_are_no_actions() -> None:
    found = judged(Behaviour(), events("page_view", [0]), events("impression", [1] * 500), events("read", [2] * 500))
    assert set(found) == {""}


def test_robot_stays_one_for_half_an_hour_and_all_it_sends_is_flagged() -> None:
    behaviour = Behaviour()
    judged(behaviour, events("click", every(0.5, 100)))
    last_s = 50
    kinds = [events(kind, [last_s + 60])[0] for kind in ("impression", "read", "search", "page_view")]
    assert judged(behaviour, kinds) == ["behaviour:rate"] * 4
    assert judged(behaviour, events("impression", [last_s + 31 * 60])) == [""]


def test_other_visitors_of_the_same_site_are_not_blamed() -> None:
    behaviour = Behaviour()
    judged(behaviour, events("click", every(0.1, 100)))
    assert judged(behaviour, events("click", every(10, 10), actor="b")) == [""] * 10


def test_retry_of_the_same_events_counts_once() -> None:
    behaviour, hasty = Behaviour(), events("click", every(0.9, 20))
    assert set(judged(behaviour, *[hasty] * 10)) == {""}


def test_file_of_old_events_sent_at_once_is_judged_by_its_own_times() -> None:
    assert set(judged(Behaviour(), events("click", every(30, 500)))) == {""}


@given(st.permutations(range(61)))
def test_order_of_arrival_does_not_hide_a_robot(order: list[int]) -> None:
    sent = events("click", every(0.9, 61))
    assert judged(Behaviour(), [sent[n] for n in order])[-1] == "behaviour:rate"


def viewed(site: str = "demo", n: int = 100) -> list[Event]:
    """What makes a site one that tells of views."""
    return [an_event("page_view", n=n, anonymous_id=f"v{n}", site=site) for n in range(n)]


@pytest.mark.parametrize("kind", ["click", "read"])
def test_actor_who_acts_on_many_items_and_was_never_shown_any_is_a_robot(kind: str) -> None:
    found = judged(Behaviour(), viewed(), events(kind, every(60, 25)))
    assert found[100:] == [""] * 19 + ["behaviour:no_view"] * 6


@pytest.mark.parametrize("view", ["impression", "page_view"])
def test_one_page_or_list_is_enough_to_have_seen_something(view: str) -> None:
    found = judged(Behaviour(), viewed(), events(view, [0]), events("click", every(60, 200)))
    assert set(found) == {""}


def test_site_that_reports_clicks_only_blames_nobody() -> None:
    assert set(judged(Behaviour(), viewed(n=99), events("click", every(60, 200)))) == {""}
    assert set(judged(Behaviour(), viewed(site="other"), events("click", every(60, 200)))) == {""}


def test_page_that_stayed_open_over_a_restart_may_be_read_on() -> None:
    found = judged(Behaviour(), viewed(), events("read", every(15, 200), item="the-one"))
    assert set(found) == {""}


def test_memory_is_bounded_whoever_comes() -> None:
    behaviour = Behaviour(max_actors=100)
    for n in range(1_000):
        judged(behaviour, events("click", [0, 1], actor=f"a{n}", site=f"s{n}"))
        assert len(behaviour) <= 100
    assert len(behaviour) >= 50


@given(
    st.lists(
        st.tuples(st.sampled_from(["click", "page_view", "impression", "read"]), st.sampled_from("ab"),
                  st.integers(0, 9), st.floats(-1e5, 1e5)),
        max_size=80,
    )
)  # fmt: skip
def test_flag_of_a_slow_actor_is_never_raised(sent: list[tuple[str, str, int, float]]) -> None:
    # Nine items at most and actions no closer than three seconds: nothing of this is a robot's.
    behaviour = Behaviour()
    for n, (kind, actor, item, jitter) in enumerate(sent):
        event = an_event(kind, f"i{item}", n=n, at=NOON + timedelta(seconds=3 * n + (jitter % 1)), anonymous_id=actor)
        assert behaviour.suspicion(event) == ""  # type: ignore[arg-type]
