"""``DELETE /v1/me``: to be erased, and what became of it (个人信息保护法 Art. 47).

In: a subject token. Out: the request with its due day; once it is carried out, the signed counts of every store.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.clock import local_date
from civicrec.items import Time
from civicrec.registry.erasures import erasures_of
from civicrec.web.calls import Answer, Call, describes, refused
from civicrec.web.guard import charge
from profiles.rights.erase import as_told, ask_to_erase
from serving.answers import json_answer
from serving.api.me import REFUSED, TOKEN, signed_in
from serving.live import Live

router = APIRouter(tags=["me"])
#: What a request costs of an address's share of lists: it looks through the warehouse.
_LISTS_OF_AN_ERASURE = 50


class StoreCounts(msgspec.Struct):
    """How many pieces of a store told of the person, before and after."""

    store: str
    before: int
    after: int | None


class MyErasure(msgspec.Struct):
    """A request to be erased; `person` is a keyed digest, `receipt` a JWT signed with the site's key."""

    number: int
    site: str
    person: str
    state: Literal["open", "overdue", "done"]
    requested_at: Time
    requested_by: str
    due: Annotated[str, msgspec.Meta(description="the day by which all is erased, fifteen working days on at most")]
    stores: list[StoreCounts]
    done_at: Time | None
    receipt: str


class MyErasures(msgspec.Struct):
    """All requests of a person, the newest first."""

    erasures: list[MyErasure]


@router.delete("/v1/me")
@describes(
    Call(
        {202: Answer("taken: no event of theirs is kept from now on", MyErasure), **REFUSED,
         **refused(s404="nothing is held of this user")},
        **TOKEN,
    )
)  # fmt: skip
async def delete_me(request: Request) -> Response:
    """Ask that all that is held of the signed-in user is erased; asked again, the open request is returned."""
    live: Live = request.app.state.live
    who, now = signed_in(request), live.clock()
    charge(request.scope, _LISTS_OF_AN_ERASURE)
    warehouse = request.app.state.warehouse
    made = await request.app.state.registry.do(
        lambda engine: ask_to_erase(
            engine, live.keys, warehouse, who.site, who.actor, home=live.settings.home, by="subject", now=now
        )
    )
    return json_answer(msgspec.json.encode(as_told(made, local_date(now))), 202)


@router.get("/v1/me/erasures")
@describes(Call({200: Answer("the requests", MyErasures), **REFUSED}, **TOKEN))
async def get_erasures(request: Request) -> Response:
    """Return what became of the signed-in user's requests; also after everything is erased."""
    live: Live = request.app.state.live
    who, today = signed_in(request), local_date(live.clock())
    person = live.keys.audit_name(who.actor)
    found = await request.app.state.registry.do(lambda engine: erasures_of(engine, person))
    return json_answer(msgspec.json.encode({"erasures": [as_told(one, today) for one in found]}))
