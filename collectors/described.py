"""What the endpoint for events takes and answers, made from the structs that read them.

In: nothing. Out: the description of ``POST /v1/events``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from civicrec.events import MAX_BATCH_EVENTS, DropReason
from civicrec.web.calls import JSON, Answer, Body, Call, refused
from collectors.arrival import Arrival

#: What the collector sets itself: a client that sends such a field is not refused, and it is passed over.
SET_HERE = frozenset({"received_at", "subject_id", "referrer_type", "device", "bot_reason"})


class EventsQuery(msgspec.Struct):
    """The query of ``POST /v1/events``; others are passed over, because no event is lost for one."""

    debug: Annotated[
        bool, msgspec.Meta(description="tells what of each event was altered; with a site's X-API-Key")
    ] = False


class RejectedEvent(msgspec.Struct):
    """An event that is not kept, by its place in the batch."""

    index: int
    reason: DropReason
    detail: str


class AlteredEvent(msgspec.Struct):
    """An event that was kept without something."""

    index: int
    altered: list[str]


class EventsDebug(msgspec.Struct):
    """What was altered; of `batch`, in an event or around the events, and not said of which."""

    site: str
    batch: list[str]
    events: list[AlteredEvent]


class EventsAnswer(msgspec.Struct):
    """What became of the events: those that are not `rejected` are durable."""

    accepted: int
    duplicates: int
    rejected: list[RejectedEvent]
    debug: EventsDebug | msgspec.UnsetType = msgspec.UNSET


class State(msgspec.Struct):
    """Whether events are taken; `problems`: what portals send wrongly."""

    status: Literal["ok", "degraded", "unavailable"]
    detail: str | msgspec.UnsetType = msgspec.UNSET
    problems: list[str] | msgspec.UnsetType = msgspec.UNSET


def _sent(name: str) -> type[msgspec.Struct]:
    """Return the struct of what a client may say in an event."""
    fields: list[Any] = [
        (field.name, field.type) if field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT
        else (field.name, field.type | msgspec.UnsetType, msgspec.UNSET)
        for field in msgspec.structs.fields(Arrival) if field.name not in SET_HERE
    ]  # fmt: skip
    text = "One thing that happened. Fields that are not named here are passed over."
    return msgspec.defstruct(name, fields, kw_only=True, namespace={"__doc__": text})


SentEvent = _sent("SentEvent")
SentBatch = msgspec.defstruct(
    "SentBatch",
    [
        ("events", Annotated[list[SentEvent], msgspec.Meta(max_length=MAX_BATCH_EVENTS)]),  # type: ignore[valid-type]
        ("sent_at", Annotated[Any, msgspec.Meta(description="the client's clock, to correct the events' times")], None),
        ("subject_token", Annotated[Any, msgspec.Meta(description="JWT of a signed-in user")], None),
    ],
    namespace={"__doc__": "A batch of events."},
)  # fmt: skip

_EVENT = {
    "event_id": "01946b3e-7c00-7000-8000-000000000001", "kind": "click", "occurred_at": "2026-01-31T08:00:00.123Z",
    "site": "gz", "anonymous_id": "visitor-1", "item_id": "gd-440100-0001", "consent": "personalise",
}  # fmt: skip

EVENTS_DESCRIPTION = """Take events, as a batch or one event a line, and answer once they are durable.

A retry sends the same `event_id` and is answered as a duplicate. Any content type is taken: a beacon sends text.
"""
EVENTS_CALL = Call(
    {
        200: Answer("durable, but for those that are rejected", EventsAnswer),
        **refused(
            s400="neither a batch nor lines, or a body cut off", s401="a key or bearer token that is wrong",
            s405="another method than POST", s408="a body too slow", s413="more than 1 MiB or 500 events",
            s415="packed, but not by gzip", s429="over a limit; nothing was accepted",
            s503="the log is full or cannot be written; nothing was accepted",
        ),
    },
    query=EventsQuery,
    body=Body(
        {JSON: SentBatch, "application/x-ndjson": SentEvent},
        {
            "点击": {"sent_at": "2026-01-31T08:00:01Z", "events": [_EVENT]},
            "a search": {"events": [_EVENT | {"kind": "search", "query": "residence permit", "item_id": ""}]},
        },
    ),
    headers={"Content-Encoding": "gzip, or none"},
    security=("api_key", "subject_token"),
)  # fmt: skip
