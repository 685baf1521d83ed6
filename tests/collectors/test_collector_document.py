"""The collector's OpenAPI document: made from the structs that read events, and shown on a page without a network."""

from __future__ import annotations

import msgspec

from civicrec.events import KINDS
from collectors.described import EVENTS_CALL, SET_HERE, EventsAnswer
from tests.builders import raw_event
from tests.collectors.conftest import Collector


def test_the_document_holds_every_call_and_what_an_event_may_say(collector: Collector) -> None:
    document = collector.get("/openapi.json").json()
    assert {"/v1/events", "/v1/accounting", "/c.js", "/healthz", "/readyz", "/metrics"} == set(document["paths"])
    event = document["components"]["schemas"]["SentEvent"]
    assert event["required"] == ["event_id", "kind", "occurred_at"]
    assert set(event["properties"]["kind"]["enum"]) == KINDS
    assert not SET_HERE & set(event["properties"])
    assert {"region", "referrer", "subject_token", "props"} < set(event["properties"])
    assert set(document["paths"]["/v1/events"]["post"]["responses"]) >= {
        "200",
        "400",
        "401",
        "413",
        "415",
        "429",
        "503",
    }


def test_examples_are_taken_as_they_stand(collector: Collector) -> None:
    assert EVENTS_CALL.body is not None
    for batch in EVENTS_CALL.body.examples.values():
        answer = collector.send(*batch["events"])
        reasons = {one["reason"] for one in answer["rejected"]}
        assert reasons <= {"bad_time"}  # written down on another day
    answer = collector.send(raw_event(), raw_event(kind="none"))
    assert msgspec.to_builtins(msgspec.convert(answer, EventsAnswer)) == answer


def test_the_page_for_people_needs_no_network(collector: Collector) -> None:
    page = collector.get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "/v1/events" in page.text
    assert "<script" not in page.text
