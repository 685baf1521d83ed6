"""``/v1/me/inbox``, ``/v1/me/subscriptions``: messages of push campaigns, and which of them people want at all.

In: a subject token; to unsubscribe, the id of any message is enough. Out: messages, and what was decided.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Engine

from civicrec.errors import NotFound
from civicrec.items import Time
from civicrec.registry.attributes import kept_of
from civicrec.registry.campaigns import plans_of
from civicrec.registry.deliveries import delivery
from civicrec.registry.inbox import mark, messages_of, unread_of
from civicrec.registry.subscriptions import subscribe, subscriptions_of, wanting
from civicrec.web.calls import JSON, Answer, Body, Call, describes, refused
from civicrec.web.guard import charge
from profiles.rights.attributes import in_force, seal_of
from recommender.push.message import recipient_of
from recommender.push.plan import CHANNELS, Channel
from recommender.push.sending import SECRET
from serving.answers import json_answer
from serving.api.me import BODY_REFUSED, REFUSED, TOKEN, MyQuery, signed_in, subject_of
from serving.consents import Respondent
from serving.decisions import LISTS_OF_A_DECISION
from serving.inbox import Inbox, told_messages
from serving.live import Live
from serving.query import TOO_MANY, NoQuery, query_of
from serving.schemas import body_of, identity_of

router = APIRouter(tags=["me"])
_KEY = {"message": Annotated[str, msgspec.Meta(max_length=32, examples=["0f3c5b7a9d1e4f60718293a4b5c6d7e8"])]}
_TOPIC = Annotated[str, msgspec.Meta(max_length=64, description="a theme, as messages name it; empty for all")]


class InboxQuery(MyQuery, forbid_unknown_fields=True):
    """The query of ``GET /v1/me/inbox``."""

    n: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    before: Annotated[Time | None, msgspec.Meta(description="only messages that came earlier")] = None


class Marked(msgspec.Struct):
    """What was done with a message, and how many are unread then."""

    id: str
    state: Literal["read", "deleted"]
    unread: int


class SubscriptionBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/me/subscriptions``; an empty channel or topic stands for all of them."""

    on: bool
    channel: Annotated[Literal["", "inbox", "webhook"], msgspec.Meta(description="empty for all")] = ""
    topic: _TOPIC = ""


class SubscriptionOf(msgspec.Struct):
    """One decision."""

    channel: str
    topic: str
    on: bool
    since: Time


class ChannelOf(msgspec.Struct):
    """A channel: whether it may be used at all, and under which name it knows the person."""

    channel: Channel
    on: bool
    recipient: Annotated[str, msgspec.Meta(description="what the gateway of this channel gets in place of the person")]


class Subscriptions(msgspec.Struct):
    """Which pushes a person wants."""

    channels: list[ChannelOf]
    decisions: list[SubscriptionOf]


class UnsubscribeBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/unsubscribe``."""

    message: Annotated[str, msgspec.Meta(min_length=32, max_length=32, description="id or `key` of any message")]
    what: Annotated[Literal["channel", "topic", "all"], msgspec.Meta(description="what is ended")] = "channel"


class Unsubscribed(msgspec.Struct):
    """What sends nothing more."""

    channel: str
    topic: str


@router.get("/v1/me/inbox")
@describes(Call({200: Answer("the messages", Inbox), **REFUSED}, **{**TOKEN, "query": InboxQuery}))
async def get_inbox(request: Request) -> Response:
    """Return messages of the signed-in user; an item that is no longer open is named by none, a minor has none."""
    live: Live = request.app.state.live
    query, who = query_of(request, InboxQuery), signed_in(request, InboxQuery)
    charge(request.scope, LISTS_OF_A_DECISION)
    if identity_of(who.token, "", who.site, live.settings, live.keys, live.clock()).is_minor:
        return json_answer(msgspec.json.encode(Inbox(0, [], None)))
    return json_answer(msgspec.json.encode(await read_inbox(request, who.actor, query.n, query.before)))


async def read_inbox(request: Request, actor: str, n: int, before: datetime | None = None) -> Inbox:
    """Return a page of somebody's inbox."""
    live: Live = request.app.state.live
    now = live.clock()

    def read(engine: Engine) -> Inbox:
        rows = messages_of(engine, actor, n + 1, before)
        shown = rows[:n]
        plans = plans_of(engine, {(row.campaign_id, row.version) for row in shown})
        attributes = in_force(kept_of(engine, actor), actor, seal_of(live.keys), now)
        messages = told_messages(shown, plans, live.catalogue, attributes, now)
        return Inbox(unread_of(engine, actor), messages, shown[-1].at if len(rows) > n else None)

    inbox: Inbox = await request.app.state.registry.do(read)
    return inbox


@router.post("/v1/me/inbox/{message}/read")
@describes(Call({200: Answer("read", Marked), **REFUSED, **refused(s404="no such message")}, path=_KEY, **TOKEN))
async def read_message(request: Request, message: str) -> Response:
    """Note that a message was opened; the first time it counts as the event ``push_open``."""
    who = signed_in(request)
    charge(request.scope, LISTS_OF_A_DECISION)
    marked, is_first = await _mark(request, who.actor, message, "read")
    if is_first:
        await _record_open(request, who, message)
    return json_answer(msgspec.json.encode(marked))


@router.delete("/v1/me/inbox/{message}")
@describes(Call({200: Answer("deleted", Marked), **REFUSED, **refused(s404="no such message")}, path=_KEY, **TOKEN))
async def delete_message(request: Request, message: str) -> Response:
    """Delete a message; it does not come again."""
    actor = subject_of(request)
    charge(request.scope, LISTS_OF_A_DECISION)
    marked, _ = await _mark(request, actor, message, "deleted")
    return json_answer(msgspec.json.encode(marked))


@router.get("/v1/me/subscriptions")
@describes(Call({200: Answer("what was decided", Subscriptions), **REFUSED}, **TOKEN))
async def get_subscriptions(request: Request) -> Response:
    """Say which pushes the signed-in user wants, and under which name each channel knows them."""
    return json_answer(msgspec.json.encode(await subscriptions_held(request, subject_of(request))))


@router.put("/v1/me/subscriptions")
@describes(
    Call(
        {200: Answer("what holds now", Subscriptions), **REFUSED, **BODY_REFUSED},
        body=Body(
            {JSON: SubscriptionBody},
            {
                "退订全部": {"on": False},
                "短信": {"channel": "webhook", "on": True},
                "一个主题": {"topic": "财税金融", "on": False},
            },
        ),
        **TOKEN,
    )
)
async def put_subscription(request: Request) -> Response:
    """Switch a channel or a topic on or off; the inbox is on by itself, every other channel off. Acts at once."""
    actor = subject_of(request)
    body = body_of(await request.body(), SubscriptionBody)
    charge(request.scope, LISTS_OF_A_DECISION)
    now = request.app.state.live.clock()
    await request.app.state.registry.do(
        lambda engine: subscribe(engine, actor, body.channel, body.topic, is_on=body.on, now=now)
    )
    return json_answer(msgspec.json.encode(await subscriptions_held(request, actor)))


@router.post("/v1/unsubscribe")
@describes(
    Call(
        {
            200: Answer("what sends nothing more", Unsubscribed),
            **refused(s404="no such message", s422="a field, named", s429=TOO_MANY, s503="the registry is away"),
            **BODY_REFUSED,
        },
        query=NoQuery,
        body=Body({JSON: UnsubscribeBody}, {"退订": {"message": "0f3c5b7a9d1e4f60718293a4b5c6d7e8"}}),
    )
)
async def unsubscribe(request: Request) -> Response:
    """Unsubscribe by the id of any message, without signing in: its channel, its topic, or all pushes."""
    query_of(request, NoQuery)
    body = body_of(await request.body(), UnsubscribeBody)
    charge(request.scope, LISTS_OF_A_DECISION)
    now = request.app.state.live.clock()

    def end(engine: Engine) -> Unsubscribed:
        row = delivery(engine, body.message)
        if row is None:
            raise NotFound("no such message; expected the id or key of one, as it was sent")
        topic = ""
        if body.what == "topic":
            topic = plans_of(engine, {(row.campaign_id, row.version)})[row.campaign_id, row.version]["topic"]
        channel = row.channel if body.what == "channel" or (body.what == "topic" and not topic) else ""
        subscribe(engine, row.subject, channel, topic, is_on=False, now=now)
        return Unsubscribed(channel, topic)

    return json_answer(msgspec.json.encode(await request.app.state.registry.do(end)))


async def subscriptions_held(request: Request, actor: str) -> Subscriptions:
    """Return which pushes somebody wants."""
    live: Live = request.app.state.live
    secret, root = live.keys.key_for(SECRET), live.keys.root(actor)

    def read(engine: Engine) -> Subscriptions:
        channels = [
            ChannelOf(one, actor in wanting(engine, [actor], one, ""), recipient_of(secret, root, one))
            for one in CHANNELS
        ]
        decided = subscriptions_of(engine, actor)
        return Subscriptions(
            channels, [SubscriptionOf(one.channel, one.topic, one.is_on, one.since) for one in decided]
        )

    held: Subscriptions = await request.app.state.registry.do(read)
    return held


async def _mark(request: Request, actor: str, message: str, what: Literal["read", "deleted"]) -> tuple[Marked, bool]:
    now = request.app.state.live.clock()

    def do(engine: Engine) -> tuple[Marked, bool]:
        done = mark(engine, actor, message, what, now)
        if done == "none":
            raise NotFound("no such message of this user; it may be deleted, or older than half a year")
        return Marked(message, what, unread_of(engine, actor)), done == "first"

    marked: tuple[Marked, bool] = await request.app.state.registry.do(do)
    return marked


async def _record_open(request: Request, who: Respondent, message: str) -> None:
    """Record that a message was opened, as a click is: at the consent that the message was sent by."""
    live: Live = request.app.state.live

    def item_of(engine: Engine) -> dict[str, str]:
        row = delivery(engine, message)
        if row is None:
            return {}
        plan: dict[str, Any] = plans_of(engine, {(row.campaign_id, row.version)})[row.campaign_id, row.version]
        item = live.catalogue.items.get(plan["items"][0])
        return {"campaign_id": row.campaign_id} | (
            {"item_id": item.item_id, "item_type": item.item_type} if item else {}
        )

    facts = await request.app.state.registry.do(item_of)
    event = {"kind": "push_open", "site": who.site, "channel": "web", "consent": "personalise", **facts}
    await asyncio.to_thread(request.app.state.recorder.record, event, who.token, live.clock())
