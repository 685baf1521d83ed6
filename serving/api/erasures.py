"""``DELETE /v1/me``: to be erased, and what became of it (个人信息保护法 Art. 47).

In: a subject token. Out: the request with its due day; once it is carried out, the signed counts of every store.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.clock import local_date
from civicrec.items import Time
from civicrec.registry.erasures import erasures_of
from civicrec.web.calls import Answer, Call, describes, refused
from civicrec.web.guard import charge
from profiles.rights.erase import as_told, ask_to_erase
from serving.answers import json_answer
from serving.api.me import REFUSED, TOKEN, signed_in, subject_of
from serving.consents import Respondent
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
    return json_answer(msgspec.json.encode(await ask_for(request, signed_in(request))), 202)


@router.get("/v1/me/erasures")
@describes(Call({200: Answer("the requests", MyErasures), **REFUSED}, **TOKEN))
async def get_erasures(request: Request) -> Response:
    """Return what became of the signed-in user's requests; also after everything is erased."""
    return json_answer(msgspec.json.encode({"erasures": await requests_of(request, subject_of(request))}))


async def ask_for(request: Request, who: Respondent) -> dict[str, Any]:
    """Ask that a person is erased; return the request as it is told."""
    live: Live = request.app.state.live
    now, warehouse = live.clock(), request.app.state.warehouse
    charge(request.scope, _LISTS_OF_AN_ERASURE)
    made = await request.app.state.registry.do(
        lambda engine: ask_to_erase(
            engine, live.keys, warehouse, who.site, who.actor, home=live.settings.home, by="subject", now=now
        )
    )
    return as_told(made, local_date(now))


async def requests_of(request: Request, actor: str) -> list[dict[str, Any]]:
    """Return a person's requests as they are told, the newest first."""
    live: Live = request.app.state.live
    person, today = live.keys.audit_name(actor), local_date(live.clock())
    found = await request.app.state.registry.do(lambda engine: erasures_of(engine, person))
    return [as_told(one, today) for one in found]
