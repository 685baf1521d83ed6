"""Batches with something bad in them: what is bad costs only itself, and not much time."""

from __future__ import annotations

import gzip
import json
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.security.tokens import Keys
from collectors.arrival import Arrival, BadBody, Envelope, read_envelope, unpack
from collectors.pieces import pieces_of
from collectors.request_facts import RequestFacts
from collectors.steps import take
from tests.builders import NOON, raw_event

KEYS = Keys(b"pepper", {})


def batch(*pieces: str) -> bytes:
    return ('{"sent_at": "2026-02-01T12:00:00Z", "events": [' + ", ".join(pieces) + "]}").encode(
        "utf-8", "surrogateescape"
    )


def reasons(envelope: Envelope) -> list[str]:
    return ["" if isinstance(event, Arrival) else event.reason for event in envelope.events]


GOOD = [json.dumps(raw_event(n=n, props={"tab": 'a]}", {"'})) for n in (1, 2)]
BAD = {
    "half a pair in a field": json.dumps(raw_event(title="x\ud83d")),
    "half a pair that nobody reads": json.dumps(raw_event(anything="\udc00")),
    "half a pair in a property": json.dumps(raw_event(props={"city": "\ud83d"})),
    "half a pair in a name": '{"\\ud83d": 1}',
    "no such escape": json.dumps(raw_event())[:-1] + ', "title": "\\x41"}',
    "an escape cut short": json.dumps(raw_event())[:-1] + ', "title": "\\u12"}',
    "a line end in a text": json.dumps(raw_event())[:-1] + ', "title": "a\nb"}',
    "bytes that are no UTF-8": json.dumps(raw_event())[:-1] + ', "title": "\udcff\udcfe"}',
    "no number": json.dumps(raw_event(value=float("nan"))),
    "a number without end": json.dumps(raw_event())[:-1] + ', "position": ' + "9" * 5000 + "}",
    "a comma too many": json.dumps(raw_event())[:-1] + ",}",
    "a number": "5",
    "a list": "[[1]]",
    "nothing": "null",
    "a wrong type": json.dumps(raw_event(position="first")),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("size", [0, 40_000])
def test_one_bad_event_costs_no_other(what: str, size: int) -> None:
    filling = [json.dumps(raw_event(n=9, nobody_reads="x" * 20_000))] * (size // 20_000)
    envelope = read_envelope(batch(GOOD[0], BAD[what], GOOD[1], *filling))
    assert reasons(envelope)[:3] in (["", "bad_json", ""], ["", "bad_field", ""])
    assert reasons(envelope)[3:] == [""] * len(filling)
    assert envelope.sent_at is not None


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"events"}', b'{"events": [', b'{"events": 5}', b"[]", b"}{", b'{"a": "']
)
def test_what_is_no_batch_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadBody):
        read_envelope(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(
    st.lists(JSON, min_size=1, max_size=5),
    st.dictionaries(st.text().filter(lambda name: name != "events"), JSON, max_size=3),
)
def test_pieces_of_a_good_batch_are_its_elements(events: list[Any], others: dict[str, Any]) -> None:
    found = pieces_of(json.dumps({**others, "events": events}).encode())
    assert found is not None
    assert [json.loads(piece) for piece in found[0]] == events
    assert [json.loads(value) for value in found[1].values()] == list(others.values())


NULLABLE = (
    "site", "channel", "session_id", "item_id", "item_type", "request_id", "scene", "slot", "position", "variant",
    "campaign_id", "query", "url_path", "title", "referrer", "active_ms", "scroll_pct", "value", "region", "consent",
    "props", "subject_token", "received_at", "device", "subject_id", "referrer_type", "bot_reason",
)  # fmt: skip


@pytest.mark.parametrize("names", [*[(name,) for name in NULLABLE], NULLABLE])
def test_null_is_not_given(names: tuple[str, ...]) -> None:
    event = raw_event()
    without = {name: value for name, value in event.items() if name not in names}
    envelope = read_envelope(batch(json.dumps(without | dict.fromkeys(names))))
    [given] = read_envelope(batch(json.dumps(without))).events
    [null] = envelope.events
    assert isinstance(null, Arrival)
    assert isinstance(given, Arrival)
    assert take(null, RequestFacts(NOON, KEYS)) == take(given, RequestFacts(NOON, KEYS))


@pytest.mark.parametrize("name", ["event_id", "kind", "occurred_at"])
def test_null_for_what_every_event_needs_is_refused(name: str) -> None:
    assert reasons(read_envelope(batch(json.dumps(raw_event(**{name: None}))))) == ["bad_field"]


@pytest.mark.parametrize("item_type", ["通知", "article", 7, ["news"], {"a": 1}])
def test_type_of_items_that_is_unknown_is_left_out_and_counted(item_type: Any) -> None:
    envelope = read_envelope(batch(json.dumps(raw_event(item_id="a", item_type=item_type))))
    assert isinstance(envelope.events[0], Arrival)
    assert (envelope.events[0].item_id, envelope.events[0].item_type, envelope.altered) == ("a", "", ["item_type"])


@pytest.mark.parametrize(
    "name", ["site", "session_id", "request_id", "scene", "slot", "variant", "campaign_id", "item_id"]
)
@pytest.mark.parametrize(
    "character", ["\x00", "\x0b", "\x1b", "\x7f", "\x85", "\u202e", "\ufdd0", "\ufffe", "\uffff", "\U0001ffff"]
)
def test_characters_that_cannot_be_shown_are_taken_out_of_ids(name: str, character: str) -> None:
    envelope = read_envelope(batch(json.dumps(raw_event(**{name: f"a{character}b"}))))
    assert getattr(envelope.events[0], name) == "ab"
    assert envelope.altered == ["unprintable"]


def test_id_with_a_space_is_refused_in_plain_words() -> None:
    [event] = read_envelope(batch(json.dumps(raw_event(item_id="a b")))).events
    assert not isinstance(event, Arrival)
    assert event.detail == "Expected `str` that can be shown, without spaces and commas - at `$.item_id`"


def test_gzip_of_many_members_is_refused_before_it_costs_time() -> None:
    assert unpack(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"
    many = gzip.compress(b"") * 52_000
    began = process_time()
    with pytest.raises(BadBody, match="members"):
        unpack(many)
    assert process_time() - began < 0.5


def test_half_a_character_is_named_as_what_it_is() -> None:
    [event] = read_envelope(batch(json.dumps(raw_event(title="x\ud83d")))).events
    assert not isinstance(event, Arrival)
    assert "surrogate pair" in event.detail
    [event] = read_envelope(batch(json.dumps(raw_event(title="\U0001f600"))[:-1] + ",}", GOOD[0])).events[:1]
    assert not isinstance(event, Arrival)
    assert "surrogate pair" not in event.detail


NOISE = ["a", "062", "1 (", "a@", "%40", "QQ ", "eyJ", "x" * 24 + "@", "E1 ", "一三八"]


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("name", ["topic", "url_path", "title"])
def test_no_batch_costs_more_than_it_is_long(noise: str, name: str) -> None:
    longest = {"topic": 1_900, "url_path": 4_000, "title": 256}[name]
    text = (noise * longest)[:longest]
    while len(text.encode()) > longest and name == "topic":
        text = text[: len(text) // 2]
    fields: dict[str, Any] = {"props": {"topic": text}} if name == "topic" else {name: text}
    event = json.dumps(raw_event("page_view", **fields), ensure_ascii=False)
    body = batch(*[event] * min(500, 1_000_000 // len(event.encode())))
    began = process_time()
    request = RequestFacts(NOON, KEYS)
    for arrival in read_envelope(body).events:
        assert isinstance(arrival, Arrival)
        take(arrival, request)
    assert process_time() - began < 2.5  # a quarter of a second; a pattern that is not linear took 14


def test_byte_order_mark_and_an_empty_object_of_php_cost_nothing() -> None:
    event = json.dumps(raw_event(props=[]))
    assert reasons(read_envelope(b"\xef\xbb\xbf" + batch(event))) == [""]
    assert reasons(read_envelope(b"\xef\xbb\xbf" + event.encode(), "application/x-ndjson")) == [""]
