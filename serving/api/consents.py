"""``/v1/me/consents``: what a signed-in person agreed to, and the way to agree, to refuse and to take back.

In: a subject token in the header ``Authorization``. Out: where they stand with each purpose of the portal's notice.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.events import Channel
from civicrec.web.calls import JSON, Answer, Body, Call, describes
from civicrec.web.guard import charge
from serving.answers import json_answer
from serving.api.me import BODY_REFUSED, REFUSED, TOKEN, signed_in
from serving.consents import Consents, MyConsents, PurposeConsent
from serving.decisions import LISTS_OF_A_DECISION
from serving.feedback import LISTS_OF_FEEDBACK
from serving.schemas import body_of

router = APIRouter(tags=["me"])


class ConsentBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/me/consents/{purpose}``."""

    given: bool
    notice_version: Annotated[
        str, msgspec.Meta(max_length=64, description="of the notice that was shown; to withdraw, none is needed")
    ] = ""
    channel: Channel = "web"


_PURPOSE = {"purpose": Annotated[str, msgspec.Meta(max_length=64, examples=["personalise"])]}


@router.get("/v1/me/consents")
@describes(Call({200: Answer("every purpose", MyConsents), **REFUSED}, **TOKEN))
async def get_consents(request: Request) -> Response:
    """Return where the signed-in user stands with each purpose, and whether the portal may ask now."""
    respondent = signed_in(request)
    return json_answer(msgspec.json.encode(await _consents(request).of(respondent.actor, respondent.site)))


@router.put("/v1/me/consents/{purpose}")
@describes(
    Call(
        {200: Answer("entered, and in force from the next request on", PurposeConsent), **REFUSED, **BODY_REFUSED},
        body=Body(
            {JSON: ConsentBody},
            {
                "同意个性化推荐": {"given": True, "notice_version": "2026-1", "channel": "web"},
                "withdraw": {"given": False},
            },
        ),
        path=_PURPOSE,
        **TOKEN,
    )
)
async def put_consent(request: Request, purpose: str) -> Response:
    """Enter an answer: consent to the notice in force, a refusal, or a withdrawal, which acts on the next request."""
    respondent = signed_in(request)
    body = body_of(await request.body(), ConsentBody)
    charge(request.scope, LISTS_OF_A_DECISION + LISTS_OF_FEEDBACK)
    told = await _consents(request).answer(
        respondent, purpose, body.notice_version.strip(), body.channel, is_given=body.given
    )
    return json_answer(msgspec.json.encode(told))


def _consents(request: Request) -> Consents:
    consents: Consents = request.app.state.consents
    return consents
