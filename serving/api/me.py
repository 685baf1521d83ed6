"""``/v1/me``: what signed-in people may see and decide about their own recommendations; acts on the next request.

In: a subject token in the header ``Authorization``. Out: the switch, and the tags.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.errors import Unauthorized
from civicrec.items import Time
from civicrec.registry.choices import ActorChoices
from civicrec.web.calls import JSON, Answer, Body, Call, describes, refused
from civicrec.web.guard import charge
from civicrec.web.query import bearer_of
from serving.answers import json_answer
from serving.consents import Respondent
from serving.decisions import LISTS_OF_A_DECISION, Decisions
from serving.live import Live
from serving.me import OwnTags
from serving.query import TOO_MANY, query_of
from serving.schemas import SiteName, body_of, site_of

router = APIRouter(tags=["me"])


class MyQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of every call here."""

    site: SiteName = ""


class PersonalisationBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/me/personalisation``."""

    personalisation: Literal["on", "off"]


class Personalisation(msgspec.Struct):
    """The switch: `off` means that nothing of the person is used for any list."""

    personalisation: Literal["on", "off"]
    off_since: Time | None


class TagDecision(msgspec.Struct):
    """What was decided about a tag."""

    tag: str
    decision: Literal["chosen", "deleted"]


TOKEN: dict[str, Any] = {"query": MyQuery, "security": ("subject_token",), "is_open": False}
REFUSED = refused(
    s401="no token of a signed-in user, or one that is not valid for the site", s422="a parameter or field, named",
    s429=TOO_MANY, s503="a store is away: nothing was changed, or lists are less personal than asked for",
)  # fmt: skip
BODY_REFUSED = refused(s400="a body cut off", s408="a body too slow", s413="a body of more than 1 MiB")
_TAG = {"tag": Annotated[str, msgspec.Meta(max_length=128, examples=["theme:就业创业"])]}


@router.get("/v1/me/personalisation")
@describes(Call({200: Answer("the switch", Personalisation), **REFUSED}, **TOKEN))
async def get_personalisation(request: Request) -> Response:
    """Say whether lists are personalised for the signed-in user."""
    return _switch_answer(await decisions_of(request).of(subject_of(request)))


@router.put("/v1/me/personalisation")
@describes(
    Call(
        {200: Answer("the switch, in force from the next list on", Personalisation), **REFUSED, **BODY_REFUSED},
        body=Body({JSON: PersonalisationBody}, {"关闭个性化推荐": {"personalisation": "off"}}),
        **TOKEN,
    )
)
async def put_personalisation(request: Request) -> Response:
    """Switch personalisation ``{"personalisation": "on" | "off"}``; the very next list obeys, in every process."""
    actor = subject_of(request)
    asked = body_of(await request.body(), PersonalisationBody).personalisation
    charge(request.scope, LISTS_OF_A_DECISION)
    return _switch_answer(await decisions_of(request).switch(actor, on=asked == "on"))


@router.get("/v1/me/tags")
@describes(Call({200: Answer("the tags", OwnTags), **REFUSED}, **TOKEN))
async def get_tags(request: Request) -> Response:
    """Return the tags that lists use for the signed-in user, with what each rests on, and those deleted."""
    return json_answer(msgspec.json.encode(await decisions_of(request).tags(subject_of(request))))


@router.put("/v1/me/tags/{tag:path}")
@describes(Call({200: Answer("chosen", TagDecision), **REFUSED}, path=_TAG, **TOKEN))
async def put_tag(request: Request, tag: str) -> Response:
    """Choose a tag of the vocabulary, also one that was deleted; nobody has to."""
    actor = subject_of(request)
    charge(request.scope, LISTS_OF_A_DECISION)
    name = await decisions_of(request).choose(actor, tag)
    return json_answer(msgspec.json.encode(TagDecision(name, "chosen")))


@router.delete("/v1/me/tags/{tag:path}")
@describes(Call({200: Answer("deleted for good", TagDecision), **REFUSED}, path=_TAG, **TOKEN))
async def remove_tag(request: Request, tag: str) -> Response:
    """Delete a tag: no night, retraining, replay or rebuild brings it back until it is chosen again."""
    actor = subject_of(request)
    charge(request.scope, LISTS_OF_A_DECISION)
    name = await decisions_of(request).delete(actor, tag)
    return json_answer(msgspec.json.encode(TagDecision(name, "deleted")))


def signed_in(request: Request, query: type[MyQuery] = MyQuery) -> Respondent:
    """Return who asks, proved by a token.

    Parameters
    ----------
    query
        What the call may be asked besides the site.

    Raises
    ------
    Unauthorized
        If no token came, or it is not valid for the site.
    """
    live: Live = request.app.state.live
    site = site_of(query_of(request, query).site, live.settings)
    token = bearer_of(request.headers.get("authorization", ""))
    if not token:
        raise Unauthorized("got no subject token; expected Authorization: Bearer with one of a signed-in user")
    return Respondent(live.keys.subject_of(token, site, live.clock()), site, token)


def subject_of(request: Request) -> str:
    """Return the pseudonym of the signed-in user; raises as `signed_in` does."""
    return signed_in(request).actor


def decisions_of(request: Request) -> Decisions:
    """Return what takes and tells decisions."""
    decisions: Decisions = request.app.state.decisions
    return decisions


def _switch_answer(decided: ActorChoices) -> Response:
    is_off = decided.off_since is not None
    return json_answer(msgspec.json.encode(Personalisation("off" if is_off else "on", decided.off_since)))
