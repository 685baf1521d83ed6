"""``/v1/match``: which policies and services fit what somebody says or has said of themselves (政策计算器).

In: attributes in a body, of which nothing is kept, or a subject token, for those kept of the signed-in user. Out: what
fits, what does not and by which quoted clause, what is not known, and one question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response

from civicrec.clock import rfc3339
from civicrec.errors import InvalidInput, Unauthorized
from civicrec.items import ITEM_TYPES, ItemType
from civicrec.registry.attributes import kept_of
from civicrec.web.calls import JSON, Answer, Body, Call, describes, refused
from civicrec.web.guard import charge
from civicrec.web.query import bearer_of
from profiles.rights.attributes import in_force, seal_of
from profiles.rules.attributes import Attribute, attributes_from
from recommender.match import Condition, Group, Match, Matched, match
from serving.answers import json_answer
from serving.live import Live
from serving.query import TOO_MANY, NoQuery, query_of
from serving.schemas import SiteName, Token, body_of, site_of

router = APIRouter(tags=["match"])
NOTICE = "匹配结果仅供参考，以主管部门认定为准。"
DEFAULT_TYPES: tuple[ItemType, ...] = ("policy", "service")
_LISTS_OF_A_MATCH = 5


class MatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/match``; what is not said, or null, is not known."""

    attributes: Annotated[
        dict[str, Any],
        msgspec.Meta(
            description="audience, region, groups, age, life_events, industry, scale, years, qualification; in "
            "governed words"
        ),
    ] = {}
    types: Annotated[tuple[ItemType, ...], msgspec.Meta(min_length=1)] = DEFAULT_TYPES
    n: Annotated[int, msgspec.Meta(ge=1, le=100, description="items told of each group")] = 20
    site: SiteName = ""


class Clauses(msgspec.Struct):
    """An item, and the clauses by which it stands where it does, as the catalogue words them."""

    item_id: str
    item_type: ItemType
    title: str
    url: str
    clauses: list[str]


class MatchGroup(msgspec.Struct):
    """How many items there are, and the first of them: the most specific first, then the newest."""

    n: int
    items: list[Clauses]


class Question(msgspec.Struct):
    """The attribute whose answer would decide most, and how many items it would decide, whatever the answer."""

    attribute: str
    text: str
    kind: str
    options: list[str]
    decides: int


class MatchAnswer(msgspec.Struct):
    """What fits, what does not, what is not known; the clauses are those that hold, fail, or are not known."""

    fits: MatchGroup
    does_not_fit: MatchGroup
    not_known: MatchGroup
    question: Question | None
    notice: str
    generated_at: str


class MatchQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of ``GET /v1/match``."""

    subject_token: Token = ""
    types: Annotated[str, msgspec.Meta(description="types of items, comma-separated", examples=["policy,service"])] = ""
    n: Annotated[int, msgspec.Meta(ge=1, le=100, description="items told of each group")] = 20
    site: SiteName = ""


@router.get("/v1/match")
@describes(
    Call(
        {
            200: Answer("what fits", MatchAnswer),
            **refused(
                s401="no token of a signed-in user, or one that is not valid for the site",
                s422="a parameter that cannot be, named", s429=TOO_MANY, s503="the registry is away",
            ),
        },
        MatchQuery, security=("subject_token",), is_open=False,
    )
)  # fmt: skip
async def get_match(request: Request) -> Response:
    """Match what is kept of the signed-in user (``/v1/me/attributes``) with what is in force and open."""
    live: Live = request.app.state.live
    query, now = query_of(request, MatchQuery), live.clock()
    token = bearer_of(request.headers.get("authorization", "")) or query.subject_token
    if not token:
        raise Unauthorized("got no subject token; expected Authorization: Bearer with one of a signed-in user")
    actor = live.keys.subject_of(token, site_of(query.site, live.settings), now)
    types = types_of(query.types)
    charge(request.scope, _LISTS_OF_A_MATCH)
    rows = await request.app.state.registry.do(lambda engine: kept_of(engine, actor))
    attributes = in_force(rows, actor, seal_of(live.keys), now)
    found = match(live.catalogue, attributes, types, query.n, now)
    return json_answer(msgspec.json.encode(match_answer(found, rfc3339(now))))


@router.post("/v1/match")
@describes(
    Call(
        {
            200: Answer("what fits", MatchAnswer),
            **refused(
                s400="a body cut off", s408="a body too slow", s413="a body of more than 1 MiB",
                s422="an attribute or field that cannot be, named", s429=TOO_MANY,
            ),
        },
        query=NoQuery,
        body=Body(
            {JSON: MatchBody},
            {
                "小微企业": {"attributes": {"audience": "企业法人", "scale": "小型企业", "region": "440106"}},
                "a graduate": {"attributes": {"audience": "自然人", "groups": ["高校毕业生"]}, "n": 5},
            },
        ),
    )
)  # fmt: skip
async def post_match(request: Request) -> Response:
    """Match ``{"attributes": {…}}`` with the policies and services that are in force and open; nothing is kept."""
    live: Live = request.app.state.live
    query_of(request, NoQuery)
    body, now = body_of(await request.body(), MatchBody), live.clock()
    site_of(body.site, live.settings)
    attributes = attributes_from(body.attributes)
    charge(request.scope, _LISTS_OF_A_MATCH)
    found = match(live.catalogue, attributes, body.types, body.n, now)
    return json_answer(msgspec.json.encode(match_answer(found, rfc3339(now))))


def types_of(text: str) -> tuple[ItemType, ...]:
    """Return the item types that a comma-separated text names, policies and services if it names none.

    Raises
    ------
    InvalidInput
        If one is no type.
    """
    named = [word.strip() for word in text.split(",") if word.strip()]
    if unknown := next((word for word in named if word not in ITEM_TYPES), ""):
        raise InvalidInput(f"got types={unknown[:60]!r}; expected some of {', '.join(ITEM_TYPES)}")
    return tuple(one for one in ITEM_TYPES if one in named) or DEFAULT_TYPES


def match_answer(found: Match, at: str) -> MatchAnswer:
    """Return what somebody is told."""
    return MatchAnswer(
        _group(found.fits, lambda one: one.holding),
        _group(found.does_not_fit, lambda one: one.failing),
        _group(found.not_known, lambda one: one.unknown),
        _asked(found.question, found.decides),
        NOTICE,
        at,
    )


def _group(group: Group, clauses: Any) -> MatchGroup:
    return MatchGroup(group.n, [_told(one, clauses(one)) for one in group.items])


def _told(matched: Matched, conditions: Sequence[Condition]) -> Clauses:
    item = matched.item
    return Clauses(item.item_id, item.item_type, item.title, item.url, [one.quote for one in conditions])


def _asked(attribute: Attribute | None, decides: int) -> Question | None:
    if attribute is None:
        return None
    return Question(attribute.name, attribute.question, attribute.kind, list(attribute.options), decides)
