from __future__ import annotations

import json
import string
from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.events import (
    ALLOWED_PROPS,
    DROP_REASONS,
    INTEREST_WEIGHTS,
    KINDS,
    MAX_EVENT_BYTES,
    MAX_PROPS,
    MAX_PROPS_BYTES,
    Channel,
    Dropped,
    Event,
    anonymous_actor,
    bad_time,
    clean_props,
    dump,
    load,
    parse,
)
from tests.builders import NOON, an_event, raw_event

NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=64)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
TIMES = st.integers(0, 10**9).map(lambda ms: NOON + timedelta(milliseconds=ms))
EVENTS = st.builds(
    Event,
    event_id=st.uuids(), kind=st.sampled_from(sorted(KINDS)), occurred_at=TIMES, received_at=TIMES, site=TEXTS,
    channel=st.sampled_from(get_args(Channel)), anonymous_id=NAMES, session_id=TEXTS, item_id=NAMES,
    position=st.none() | st.integers(0, 10_000), query=TEXTS, url_path=TEXTS, title=TEXTS,
    active_ms=st.none() | st.integers(0, 86_400_000), scroll_pct=st.none() | st.integers(0, 100),
    value=st.none() | st.floats(-1e6, 1e6), props=st.dictionaries(TEXTS, TEXTS | st.integers(-9, 9), max_size=3),
)  # fmt: skip


def parsed(**fields: Any) -> Event | Dropped:
    return parse(json.dumps(raw_event(**fields)).encode())


@given(st.lists(EVENTS, max_size=5))
def test_loading_what_was_dumped_gives_the_same_events(events: list[Event]) -> None:
    assert load(dump(events)) == (events, [])


@given(EVENTS)
def test_parsing_one_dumped_event_gives_it_back(event: Event) -> None:
    assert parse(msgspec.json.encode(event)) == event


SUBJECTS = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(SUBJECTS, NAMES | SUBJECTS, NAMES | SUBJECTS)
def test_no_anonymous_id_counts_under_the_name_of_a_subject_or_of_another_one(
    subject: str, one: str, other: str
) -> None:
    assert an_event(anonymous_id=one, subject_id=subject).actor == subject
    assert an_event(anonymous_id=one).actor == anonymous_actor(one) != subject
    assert an_event(anonymous_id=subject).actor != subject
    assert (anonymous_actor(one) == anonymous_actor(other)) == (one == other)


#: One body for each reason that a parse alone can find, and one field fault of each sort.
BAD: list[tuple[str, bytes | dict[str, Any]]] = [
    ("bad_json", b"{"),
    ("bad_json", b"[]"),
    ("bad_json", b"5"),
    ("bad_json", b'"\xff"'),
    ("bad_json", b'{"title": "\\ud800"}'),
    ("too_large", {"padding": "x" * MAX_EVENT_BYTES}),
    ("unknown_kind", {"kind": "look"}),
    ("unknown_kind", {"kind": 5}),
    ("bad_field", {"kind": ...}),
    ("bad_field", {"event_id": "1"}),
    ("bad_field", {"event_id": ...}),
    ("bad_field", {"occurred_at": "yesterday"}),
    ("bad_field", {"occurred_at": "2026-01-31T12:00:00"}),
    ("bad_field", {"occurred_at": 1_769_846_400}),
    ("bad_field", {"channel": "- at `$.kind`"}),
    ("bad_field", {"anonymous_id": "a b"}),
    ("bad_field", {"anonymous_id": "a\n"}),
    ("bad_field", {"anonymous_id": "x" * 65}),
    ("bad_field", {"item_id": "a,b"}),
    ("bad_field", {"item_id": "a\n"}),
    ("bad_field", {"item_id": 7}),
    ("bad_field", {"item_type": "book"}),
    ("bad_field", {"position": -1}),
    ("bad_field", {"position": 1.5}),
    ("bad_field", {"scroll_pct": 101}),
    ("bad_field", {"active_ms": 86_400_001}),
    ("bad_field", {"value": 1e7}),
    ("bad_field", {"query": "x" * 201}),
    ("bad_field", {"url_path": "/" * 513}),
    ("bad_field", {"title": "x" * 257}),
    ("bad_field", {"consent": "maybe"}),
    ("bad_field", {"props": []}),
    ("bad_field", {"subject_id": "me"}),
]


@pytest.mark.parametrize(("reason", "sent"), BAD)
def test_bad_event_is_answered_with_its_reason(reason: str, sent: bytes | dict[str, Any]) -> None:
    got = parse(sent) if isinstance(sent, bytes) else parsed(**sent)
    assert isinstance(got, Dropped)
    assert got.reason == reason
    assert 0 < len(got.detail) < 700


def test_a_hostile_value_does_not_make_the_answer_long() -> None:
    got = parsed(kind="x" * 20_000)
    assert isinstance(got, Dropped)
    assert len(got.detail) < 700


def test_every_reason_is_one_somebody_gives() -> None:
    by_parse = {reason for reason, _ in BAD}
    by_steps = {
        "bad_time",
        "no_actor",
        "no_consent",
        "unknown_site",
        "erased",
        "foreign_origin",
    }  # tests/collectors/test_steps.py
    assert by_parse | by_steps == set(DROP_REASONS)


def test_good_event_needs_four_fields_and_unknown_ones_are_passed_over() -> None:
    got = parsed(site=..., item_id=..., colour="red")
    assert isinstance(got, Event)
    assert (got.kind, got.occurred_at, got.actor, got.consent) == ("click", NOON, "visitor-1", "measure")


def test_actor_is_the_subject_when_there_is_one() -> None:
    assert an_event(subject_id="0" * 32).actor == "0" * 32


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted(Event.__struct_fields__)


@given(st.sampled_from(FIELDS), JSON)
def test_any_json_in_any_field_is_an_event_or_a_reason(field: str, value: Any) -> None:
    got = parsed(**{field: value})
    assert isinstance(got, Event | Dropped)
    if isinstance(got, Event):
        assert load(dump([got])) == ([got], [])


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_reason(raw: bytes) -> None:
    assert isinstance(parse(raw), Event | Dropped)
    assert load(raw) is not None


HOSTILE = [
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 5_000,
    b"1e999",
    b"\x00",
    b"\xef\xbb\xbf{}",
    b'{"kind":NaN}',
    b"null",
]


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_known_attacks_are_answered(raw: bytes) -> None:
    assert isinstance(parse(raw), Dropped)
    events, dropped = load(raw)
    assert events == []
    assert [piece for piece, _ in dropped] == [raw]


def test_good_events_of_a_damaged_record_survive() -> None:
    record = json.dumps([raw_event(n=1), {"kind": "?"}, 7, raw_event(n=2)]).encode()
    events, dropped = load(record)
    assert [event.event_id for event in events] == [an_event(n=1).event_id, an_event(n=2).event_id]
    assert [(piece, why.reason) for piece, why in dropped] == [(b'{"kind": "?"}', "unknown_kind"), (b"7", "bad_json")]


@pytest.mark.parametrize(
    ("off", "is_bad"),
    [
        (timedelta(hours=24), False),
        (timedelta(hours=24, seconds=1), True),
        (-timedelta(days=30), False),
        (-timedelta(days=30, seconds=1), True),
    ],
)
def test_time_is_bad_beyond_a_day_ahead_and_thirty_days_back(off: timedelta, is_bad: bool) -> None:
    assert (bad_time(an_event(at=NOON + off), NOON) is not None) == is_bad


@given(st.dictionaries(st.sampled_from(sorted(ALLOWED_PROPS)) | st.text(max_size=5), JSON | st.text(max_size=900)))
def test_props_keep_only_allowed_scalars_within_the_limits(props: dict[str, Any]) -> None:
    kept, left_out = clean_props(props)
    assert kept.keys() <= ALLOWED_PROPS
    assert set(left_out) == props.keys() - kept.keys()
    assert all(value is None or isinstance(value, str | int | float | bool) for value in kept.values())
    assert len(kept) <= MAX_PROPS
    assert len(msgspec.json.encode(kept)) <= MAX_PROPS_BYTES
    assert all(kept[key] is props[key] for key in kept)


def test_all_scalars_of_allowed_props_are_kept() -> None:
    props = {"city": "云州", "duration_s": 1.5, "elder_mode": True, "error": None, "result_count": 3}
    assert clean_props(props) == (props, [])
    assert clean_props({"city": ["云州"], "phone": "1", "result_count": 2**63})[1] == ["city", "phone", "result_count"]


def test_interest_is_weighed_for_known_kinds_only() -> None:
    assert INTEREST_WEIGHTS.keys() <= KINDS
    assert INTEREST_WEIGHTS["click"] == 1.0
