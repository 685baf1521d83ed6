"""``POST /v1/me/disputes``: that a tag is wrong. It is deleted at once, and somebody looks into why it came about.

In: a subject token, a tag, words. Out: the receipt of a complaint about personal data; `/v1/complaints` tells the rest.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.clock import local_date
from civicrec.registry.complaints import MAX_TEXT, receive
from civicrec.text import printable
from civicrec.web.calls import JSON, Answer, Body, Call, describes
from civicrec.web.guard import charge
from civicrec.working_days import working_days
from serving.api.complaints import LISTS_OF_A_COMPLAINT, ComplaintAnswer, told_of
from serving.api.me import BODY_REFUSED, REFUSED, TOKEN, decisions_of, signed_in
from serving.live import Live
from serving.schemas import body_of

router = APIRouter(tags=["me"])
#: What is written beside the tag's name.
_LONGEST = MAX_TEXT - 100


class DisputeBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/me/disputes``."""

    tag: Annotated[str, msgspec.Meta(max_length=128, examples=["theme:就业创业"])]
    text: Annotated[str, msgspec.Meta(max_length=_LONGEST, description="why it is wrong; may be empty")] = ""


@router.post("/v1/me/disputes")
@describes(
    Call(
        {201: Answer("the tag is deleted, the dispute received", ComplaintAnswer), **REFUSED, **BODY_REFUSED},
        body=Body({JSON: DisputeBody}, {"标签有误": {"tag": "theme:就业创业", "text": "替家人查询"}}),
        **TOKEN,
    )
)
async def post_dispute(request: Request) -> Response:
    """Say that a tag is wrong: it is deleted for good, and answered like a complaint by the day told here."""
    live: Live = request.app.state.live
    who = signed_in(request)
    body, now = body_of(await request.body(), DisputeBody), live.clock()
    charge(request.scope, LISTS_OF_A_COMPLAINT)
    name = await decisions_of(request).delete(who.actor, body.tag)
    text = f"标签异议：{name}\n{printable(body.text).strip()}".strip()
    due = working_days(live.settings.home).after(local_date(now), live.settings.serving.complaint_days)
    made = await request.app.state.registry.do(
        lambda engine: receive(engine, who.site, "personal_data", "", text, due, now)
    )
    return told_of(made, live, 201)
