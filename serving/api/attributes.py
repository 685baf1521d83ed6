"""``/v1/me/attributes``: what signed-in people and firms say of themselves, or an office lawfully told the portal.

In: a subject token in the header ``Authorization``. Out: each value with its source, validity and history.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.errors import Forbidden
from civicrec.items import Time
from civicrec.web.calls import JSON, Answer, Body, Call, describes, refused
from civicrec.web.guard import charge
from profiles.rights.attributes import Imported
from serving.answers import json_answer
from serving.api.me import REFUSED, TOKEN, signed_in, subject_of
from serving.decisions import LISTS_OF_A_DECISION
from serving.declared import Declared
from serving.live import Live
from serving.publisher import Publisher, name_of
from serving.schemas import body_of, identity_of

router = APIRouter(tags=["me"])
SCOPE: Literal["attributes"] = "attributes"


class ImportBody(msgspec.Struct, forbid_unknown_fields=True):
    """Where imported values come from (政务数据共享条例): the duty they are for, and the entry they were shared by."""

    purpose: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    catalogue_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128, description="共享目录编号")]


class AttributesBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``PUT /v1/me/attributes``; what is not named stays, null takes a value back."""

    attributes: Annotated[
        dict[str, Any],
        msgspec.Meta(
            min_length=1,
            description="audience, region; of a person groups, age, life_events; of a firm industry, scale, years, "
            "qualification; in governed words",
        ),
    ]
    sensitive_consent: Annotated[
        bool, msgspec.Meta(description="the person consents, apart from all else, to keeping sensitive values")
    ] = False
    valid_until: Time | None = None
    imported: ImportBody | None = None


class OwnAttribute(msgspec.Struct):
    """One value: said by the person (`declared`), or imported by the portal."""

    attribute: str
    value: Any
    state: Literal["in_force", "replaced", "expired"]
    source: Literal["declared", "imported"]
    purpose: str
    catalogue_id: str
    said_at: Time
    valid_until: Time
    ended_at: Time | None
    sensitive_consent_at: Time | None


class OwnAttributes(msgspec.Struct):
    """All values of a person, the oldest first, those that were replaced included."""

    attributes: list[OwnAttribute]


class Deleted(msgspec.Struct):
    """How many values are gone, those of the past included."""

    deleted: int


_BODY_REFUSED = refused(
    s400="a body cut off", s403="a minor, or an import without a key of the site whose `scopes` name attributes",
    s408="a body too slow", s413="a body of more than 1 MiB",
    s422="a value that cannot be, two that contradict each other, or a sensitive one without consent: named",
)  # fmt: skip
_NAME = {"attribute": Annotated[str, msgspec.Meta(max_length=32, examples=["region"])]}


@router.get("/v1/me/attributes")
@describes(Call({200: Answer("the values", OwnAttributes), **REFUSED}, **TOKEN))
async def get_attributes(request: Request) -> Response:
    """Return what the signed-in user said of themselves or an office told, with source, validity and history."""
    return json_answer(_encoded(await declared_of(request).of(subject_of(request))))


@router.put("/v1/me/attributes")
@describes(
    Call(
        {200: Answer("all values as they are kept now", OwnAttributes), **REFUSED, **_BODY_REFUSED},
        body=Body(
            {JSON: AttributesBody},
            {
                "a person": {"attributes": {"audience": "自然人", "age": 67, "region": "440106"}},
                "残疾人": {"attributes": {"groups": ["残疾人"]}, "sensitive_consent": True},
                "企业": {"attributes": {"audience": "企业法人", "scale": "小型企业", "years": 3}},
                "an import": {
                    "attributes": {"qualification": ["高新技术企业"]},
                    "imported": {"purpose": "惠企政策匹配", "catalogue_id": "440100-0123"},
                },
            },
        ),
        headers={"X-API-Key": "of an import: a key of the site whose `scopes` name attributes"},
        **TOKEN,
    )
)
async def put_attributes(request: Request) -> Response:
    """Keep what the signed-in user says of themselves; of an import, what they said themselves stays.

    Two values that cannot both be true are refused together; nothing is changed then. Behaviour never writes one.
    """
    live: Live = request.app.state.live
    speaker, now = signed_in(request), live.clock()
    if identity_of(speaker.token, "", speaker.site, live.settings, live.keys, now).is_minor:
        raise Forbidden("of a minor nothing is kept; POST /v1/match keeps nothing of what it is told")
    asked = body_of(await request.body(), AttributesBody)
    charge(request.scope, LISTS_OF_A_DECISION)
    declared, actor, until = declared_of(request), speaker.actor, asked.valid_until
    if asked.imported is None:
        held = await declared.say(actor, asked.attributes, consents=asked.sensitive_consent, valid_until=until)
    else:
        by = name_of(_importing_site(request, speaker.site))
        imported = Imported(asked.imported.purpose, asked.imported.catalogue_id)
        held = await declared.take(actor, asked.attributes, imported, by=by, valid_until=until)
    return json_answer(_encoded(held))


@router.delete("/v1/me/attributes")
@describes(Call({200: Answer("gone, with their history", Deleted), **REFUSED}, **TOKEN))
async def delete_attributes(request: Request) -> Response:
    """Delete all that the signed-in user said of themselves or an office told, with its history."""
    return await _forgotten(request, subject_of(request), "")


@router.delete("/v1/me/attributes/{attribute}")
@describes(Call({200: Answer("gone, with its history", Deleted), **REFUSED}, path=_NAME, **TOKEN))
async def delete_attribute(request: Request, attribute: str) -> Response:
    """Delete one attribute of the signed-in user, with its history."""
    return await _forgotten(request, subject_of(request), attribute)


def declared_of(request: Request) -> Declared:
    """Return what takes and tells attributes."""
    declared: Declared = request.app.state.declared
    return declared


async def _forgotten(request: Request, actor: str, attribute: str) -> Response:
    charge(request.scope, LISTS_OF_A_DECISION)
    n = await declared_of(request).forget(actor, attribute)
    return json_answer(msgspec.json.encode(Deleted(n)))


def _importing_site(request: Request, token_site: str) -> str:
    """Return the site whose server imports: a browser has the token, too, so that alone does not do."""
    publisher: Publisher = request.app.state.publisher
    site = publisher.keys.allowed(request.headers.get("x-api-key", "").encode(), SCOPE)
    if site != token_site:
        raise Forbidden("the API key is another site's than the subject token; import with the site's own")
    return site


def _encoded(held: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode({"attributes": held})
