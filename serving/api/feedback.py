"""``POST /v1/feedback``: what a visitor says about an item; acts on the next request."""

from __future__ import annotations

import asyncio

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.clock import to_ms
from civicrec.errors import InvalidInput, NotFound, Unavailable
from civicrec.web.calls import JSON, Answer, Body, Call, describes, refused
from civicrec.web.guard import charge
from civicrec.web.query import bearer_of
from civicrec.web.signals import is_from, refuses
from recommender.eligibility import is_public
from serving.answers import json_answer
from serving.feedback import LISTS_OF_FEEDBACK
from serving.live import Live
from serving.query import TOO_MANY, NoQuery, query_of
from serving.schemas import FeedbackBody, body_of, identity_of, origins_of, site_of
from serving.shapes import FeedbackAnswer

router = APIRouter(tags=["feedback"])


@router.post("/v1/feedback")
@describes(
    Call(
        {
            202: Answer("taken", FeedbackAnswer),
            **refused(
                s400="a body cut off",
                s401="a token that is not valid for the site",
                s404="no such item",
                s408="a body too slow",
                s413="a body of more than 1 MiB",
                s422="a field that cannot be, named",
                s429=TOO_MANY,
                s503="neither store nor collector took it",
            ),
        },
        query=NoQuery,
        body=Body(
            {JSON: FeedbackBody},
            {
                "不感兴趣": {"kind": "dislike", "item_id": "gd-440100-0001", "site": "gz", "anonymous_id": "visitor-1"},
                "take it back": {
                    "kind": "undislike",
                    "item_id": "gd-440100-0001",
                    "site": "gz",
                    "consent": "personalise",
                    "anonymous_id": "visitor-1",
                },
            },
        ),
        security=("subject_token",),
    )
)
async def post_feedback(request: Request) -> Response:
    """Take ``{"kind": "dislike", "item_id", "subject_token" | "anonymous_id"}``; ``undislike`` takes it back.

    ``consent`` is the visitor's, as with an event. Nothing is kept with ``none``, ``Sec-GPC`` or ``DNT``.
    """
    live: Live = request.app.state.live
    query_of(request, NoQuery)
    body, now = body_of(await request.body(), FeedbackBody), live.clock()
    site = site_of(body.site, live.settings)
    if not is_from(request.headers, origins_of(live.settings, site)):
        raise InvalidInput(f"a page of another origin sent this; expected one that site {site[:64]!r} lists")
    item = live.catalogue.items.get(body.item_id)
    if item is None or not is_public(item, now):
        raise NotFound(f"no item {body.item_id!r} in the catalogue")
    token = bearer_of(request.headers.get("authorization", "")) or body.subject_token
    actor, is_minor = identity_of(token, body.anonymous_id, site, live.settings, live.keys, now)
    if not actor:
        raise InvalidInput("got neither subject_token nor anonymous_id; expected who says so")
    if refuses(request.headers.raw) or body.consent == "none":
        return json_answer(msgspec.json.encode({"acts": False, "recorded": False}), 202)
    charge(request.scope, LISTS_OF_FEEDBACK)
    may_use = await live.may_use(actor, site)
    # Who says nothing of consent asks for this one thing, and it is done; of minors nothing is kept.
    keeps = body.consent != "measure" and may_use and not is_minor

    def act() -> bool:
        if body.kind == "dislike":
            live.store.dislike(actor, body.item_id, to_ms(now))
        else:
            live.store.undislike(actor, body.item_id)
        return True

    acts = keeps and await live.budget.act(lambda: asyncio.to_thread(act))
    event = {
        "kind": body.kind, "site": site, "item_id": body.item_id, "anonymous_id": body.anonymous_id,
        "request_id": body.request_id, "scene": body.scene, "consent": (body.consent if may_use else "") or "measure",
    }  # fmt: skip
    recorded = await asyncio.to_thread(request.app.state.recorder.record, event, token, now)
    if not (acts or recorded):
        raise Unavailable("neither the online store nor the collector took the feedback; try again in a second")
    taken = {"acts": bool(acts), "recorded": recorded}
    return json_answer(msgspec.json.encode(taken), 202)
