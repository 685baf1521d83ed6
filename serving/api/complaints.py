"""``/v1/complaints``: complaints about recommendations and personal data, each with a receipt and a due date.

In: what somebody wrote; no account is needed. Out: the receipt, and by it what became of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.clock import local_date, rfc3339
from civicrec.errors import InvalidInput
from civicrec.items import Time
from civicrec.registry.complaints import MAX_TEXT, Complaint, ComplaintKind, complaint, receive
from civicrec.text import printable
from civicrec.web.calls import JSON, Answer, Body, Call, describes, refused
from civicrec.web.guard import charge
from civicrec.web.signals import is_from
from civicrec.working_days import working_days
from serving.answers import json_answer
from serving.live import Live
from serving.query import TOO_MANY, NoQuery, query_of
from serving.schemas import SiteName, body_of, origins_of, site_of

router = APIRouter(tags=["complaints"])
#: What a complaint costs of an address's share of lists: few people write many.
LISTS_OF_A_COMPLAINT = 20
_RECEIPT = Annotated[str, msgspec.Meta(max_length=32, examples=["7KQ2M9XWTR4HBN3P"])]


class ComplaintBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/complaints``."""

    kind: ComplaintKind
    text: Annotated[str, msgspec.Meta(max_length=MAX_TEXT, description="in one's own words; no form of address needed")]
    item_id: Annotated[str, msgspec.Meta(max_length=128, description="what it is about, if one item")] = ""
    site: SiteName = ""


class ComplaintAnswer(msgspec.Struct):
    """A complaint as whoever has the receipt is told; never its text."""

    receipt: _RECEIPT
    kind: ComplaintKind
    state: Literal["received", "answered"]
    received_at: Time
    due: Annotated[str, msgspec.Meta(description="the day by which it is answered, five working days on")]
    is_overdue: bool
    reply: str
    answered_at: Time | None


@router.post("/v1/complaints")
@describes(
    Call(
        {
            201: Answer("received", ComplaintAnswer),
            **refused(
                s400="a body cut off", s408="a body too slow", s413="a body of more than 1 MiB",
                s422="a field that cannot be, named, or a page of another origin", s429=TOO_MANY,
                s503="the registry is away, or too many wait for an answer",
            ),
        },
        query=NoQuery,
        body=Body(
            {JSON: ComplaintBody},
            {"推荐不当": {"kind": "recommendation", "text": "推荐的政策已过期", "item_id": "a-1", "site": "gz"}},
        ),
    )
)  # fmt: skip
async def post_complaint(request: Request) -> Response:
    """Receive a complaint; the answer holds the receipt and the day by which it is answered."""
    live: Live = request.app.state.live
    query_of(request, NoQuery)
    body = body_of(await request.body(), ComplaintBody)
    site = site_of(body.site, live.settings)
    if not is_from(request.headers, origins_of(live.settings, site)):
        raise InvalidInput(f"a page of another origin sent this; expected one that site {site[:64]!r} lists")
    text = printable(body.text).strip()
    if not text:
        raise InvalidInput("got no text; expected what is wrong, in one's own words")
    charge(request.scope, LISTS_OF_A_COMPLAINT)
    return told_of(await complain(request, site, body.kind, text, body.item_id), live, 201)


@router.get("/v1/complaints/{receipt}")
@describes(
    Call(
        {
            200: Answer("what became of it", ComplaintAnswer),
            **refused(s404="no such receipt", s422="an unknown parameter", s429=TOO_MANY, s503="the registry is away"),
        },
        query=NoQuery,
        path={"receipt": _RECEIPT},
    )
)
async def get_complaint(request: Request, receipt: str) -> Response:
    """Say what became of a complaint."""
    query_of(request, NoQuery)
    charge(request.scope, LISTS_OF_A_COMPLAINT)
    found: Complaint = await request.app.state.registry.do(lambda engine: complaint(engine, receipt))
    return told_of(found, request.app.state.live, 200)


async def complain(request: Request, site: str, kind: ComplaintKind, text: str, item_id: str = "") -> Complaint:
    """Keep a complaint; it is due some working days from now."""
    live: Live = request.app.state.live
    now = live.clock()
    due = working_days(live.settings.home).after(local_date(now), live.settings.serving.complaint_days)
    kept: Complaint = await request.app.state.registry.do(
        lambda engine: receive(engine, site, kind, item_id, text, due, now)
    )
    return kept


def told_of(one: Complaint, live: Live, status: int) -> Response:
    """Return a complaint as whoever has the receipt is told."""
    answered = one.answered_at
    fields = {
        "receipt": one.receipt, "kind": one.kind, "state": "answered" if answered else "received",
        "received_at": rfc3339(one.received_at), "due": one.due.isoformat(),
        "is_overdue": one.is_overdue(local_date(live.clock())), "reply": one.reply,
        "answered_at": rfc3339(answered) if answered else None,
    }  # fmt: skip
    return json_answer(msgspec.json.encode(fields), status)
