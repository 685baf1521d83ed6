"""``POST /v1/feedback``: what a visitor says about an item; acts on the next request."""

from __future__ import annotations

import asyncio

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.errors import InvalidInput, NotFound, Unavailable
from civicrec.web.query import bearer_of
from recommender.eligibility import is_public
from serving.answers import json_answer
from serving.feedback import dislike_now, record
from serving.live import Live
from serving.schemas import FeedbackBody, actor_of, body_of, site_of

router = APIRouter(tags=["feedback"])


@router.post("/v1/feedback", openapi_extra={"requestBody": {"content": {"application/json": {}}}})
async def post_feedback(request: Request) -> Response:
    """Take ``{"kind": "dislike", "item_id", "subject_token" | "anonymous_id"}``; the item is not shown again."""
    live: Live = request.app.state.live
    body, now = body_of(await request.body(), FeedbackBody), live.clock()
    if body.kind != "dislike":
        raise InvalidInput(f"got kind {body.kind[:50]!r}; expected dislike")
    item = live.catalogue.items.get(body.item_id)
    if item is None or not is_public(item, now):
        raise NotFound(f"no item {body.item_id!r} in the catalogue")
    site = site_of(body.site, live.settings)
    token = bearer_of(request.headers.get("authorization", "")) or body.subject_token
    actor = actor_of(token, body.anonymous_id, site, live.keys, now)
    if not actor:
        raise InvalidInput("got neither subject_token nor anonymous_id; expected who says so")
    acts = await live.budget.read(lambda: asyncio.to_thread(dislike_now, live.store, actor, body.item_id, now))
    event = {
        "kind": "dislike", "site": site, "item_id": body.item_id, "anonymous_id": body.anonymous_id,
        "request_id": body.request_id, "scene": body.scene,
    }  # fmt: skip
    recorded = await record(live.settings, event, token, now)
    if not (acts or recorded):
        raise Unavailable("neither the online store nor the collector took the feedback; try again in a second")
    told = {"acts": bool(acts), "recorded": recorded}
    return json_answer(msgspec.json.encode(told), 202)
