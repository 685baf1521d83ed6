"""``POST /v1/me/disputes``: that a tag is wrong. It is deleted at once, and somebody looks into why it came about.

In: a subject token, a tag, words. Out: the receipt of a complaint about personal data; `/v1/complaints` tells the rest.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.registry.complaints import MAX_TEXT, Complaint
from civicrec.text import printable
from civicrec.web.calls import JSON, Answer, Body, Call, describes
from civicrec.web.guard import charge
from serving.api.complaints import LISTS_OF_A_COMPLAINT, ComplaintAnswer, complain, told_of
from serving.api.me import BODY_REFUSED, REFUSED, TOKEN, decisions_of, signed_in
from serving.consents import Respondent
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
    who = signed_in(request)
    body = body_of(await request.body(), DisputeBody)
    return told_of(await dispute(request, who, body.tag, body.text), request.app.state.live, 201)


async def dispute(request: Request, who: Respondent, tag: str, text: str) -> Complaint:
    """Delete a tag of a person, and keep why it is wrong as a complaint."""
    charge(request.scope, LISTS_OF_A_COMPLAINT)
    name = await decisions_of(request).delete(who.actor, tag)
    return await complain(request, who.site, "personal_data", f"标签异议：{name}\n{printable(text).strip()}".strip())
