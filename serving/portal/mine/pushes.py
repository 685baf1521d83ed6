"""消息推送: which channels and topics somebody wants; one press ends all of it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from civicrec.errors import InvalidInput
from civicrec.registry.subscriptions import subscribe
from civicrec.web.guard import charge
from serving.decisions import LISTS_OF_A_DECISION
from serving.portal.form_key import Fields
from serving.portal.mine.page import PATH, act, topics
from serving.portal.mine.words import CHANNEL_NAMES
from serving.portal.visitor import Visitor

router = APIRouter(include_in_schema=False)


@router.post(f"{PATH}/pushes")
async def decide(request: Request) -> Response:
    """Switch a channel, a topic or all pushes on or off for who is signed in; acts on the next message."""

    async def do(visitor: Visitor, fields: Fields) -> str:
        given = dict(fields)
        what, channel, topic = given.get("act", ""), given.get("channel", ""), given.get("topic", "")
        if visitor.account is None:
            raise InvalidInput("got no account; expected a visitor who is signed in")
        if what not in ("on", "off") or channel not in ("", *CHANNEL_NAMES) or topic not in ("", *topics()):
            raise InvalidInput("got an act, channel or topic that there is not; expected one of the page")
        actor, now = visitor.account.actor, request.app.state.live.clock()
        charge(request.scope, LISTS_OF_A_DECISION)
        await request.app.state.registry.do(
            lambda engine: subscribe(engine, actor, channel, topic, is_on=what == "on", now=now)
        )
        return "subscribed" if what == "on" else "unsubscribed"

    return await act(request, do)
