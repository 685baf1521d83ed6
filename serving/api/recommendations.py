"""``GET`` and ``POST /v1/recommendations``: one list, or all lists of a page.

In: a query string or a JSON body. Out: lists as docs/contracts.md §3 has them.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from civicrec.clock import monotonic_s
from civicrec.web.calls import JSON, Answer, Body, Call, describes, refused
from civicrec.web.guard import charge
from civicrec.web.query import bearer_of
from civicrec.web.signals import refuses
from serving.answers import json_answer, list_json
from serving.debug import told
from serving.live import Caller, ListQuery, Live
from serving.query import TOO_MANY, query_of
from serving.schemas import (
    MAX_RECENT,
    ListQueryString,
    PageBody,
    PageQueryString,
    body_block,
    body_of,
    caller_of,
    ids_of,
    query_block,
)
from serving.shapes import BlocksAnswer, ListAnswer

router = APIRouter(tags=["lists"])

#: A longer list is charged as so many more: one of 100 with all reasons takes four times as long as one of ten.
_ITEMS_OF_A_LIST = 25


_REFUSED = refused(
    s401="a token that is not valid for the site; debug without a site's key",
    s422="an unknown scene, parameter or site, n, a cursor that is none, a body that cannot be read", s429=TOO_MANY,
)  # fmt: skip
_PAGE = {
    "首页三栏": {
        "site": "gz", "anonymous_id": "visitor-1",
        "blocks": [{"scene": "home", "n": 6}, {"scene": "hot", "n": 5, "slot": "sidebar"}],
    },
    "beside an article": {
        "site": "gz", "recent": ["gd-440100-0001"], "blocks": [{"scene": "item", "item_id": "gd-440100-0002", "n": 5}],
    },
}  # fmt: skip


@router.get("/v1/recommendations")
@describes(
    Call(
        {200: Answer("the list", ListAnswer), **_REFUSED}, query=ListQueryString, security=("subject_token", "api_key")
    )
)
async def get_list(request: Request) -> Response:
    """Return one list for a visitor, with the reason for each item."""
    began, live, query = monotonic_s(), _live(request), query_of(request, ListQueryString)
    bearer = bearer_of(request.headers.get("authorization", ""))
    recent = ids_of(query.recent, MAX_RECENT)
    caller = caller_of(query, recent, bearer, live.settings, live.keys, live.clock())
    bodies = await _lists(request, live, caller, [query_block(query)], explain=query.explain, debug=query.debug)
    request.app.state.counters.answered(monotonic_s() - began)
    return json_answer(bodies[0])


@router.post("/v1/recommendations")
@describes(
    Call(
        {
            200: Answer("the lists", BlocksAnswer),
            **_REFUSED,
            **refused(s400="a body cut off", s408="a body too slow", s413="a body of more than 1 MiB"),
        },
        query=PageQueryString,
        body=Body({JSON: PageBody}, _PAGE),
        security=("subject_token", "api_key"),
    )
)
async def post_page(request: Request) -> Response:
    """Return several lists of one page: ``{"blocks": [{"scene", "n", …}], …}``; no item stands twice."""
    began, live, query = monotonic_s(), _live(request), query_of(request, PageQueryString)
    body = body_of(await request.body(), PageBody)
    bearer = bearer_of(request.headers.get("authorization", ""))
    caller = caller_of(body, body.recent, bearer, live.settings, live.keys, live.clock())
    blocks = [body_block(block) for block in body.blocks]
    bodies = await _lists(request, live, caller, blocks, explain=body.explain, debug=query.debug)
    request.app.state.counters.answered(monotonic_s() - began)
    return json_answer(b'{"blocks":[' + b",".join(bodies) + b"]}")


#: What `serving.direct` calls: the functions take the request and return the response.
ROUTES = [route for route in router.routes if isinstance(route, APIRoute)]


async def _lists(
    request: Request, live: Live, caller: Caller, blocks: list[ListQuery], *, explain: bool, debug: bool
) -> list[bytes]:
    if debug:
        request.app.state.publisher.site(request.headers.raw)
    charge(request.scope, len(blocks) - 1 + sum((block.n or 0) // _ITEMS_OF_A_LIST for block in blocks))
    asked = caller
    if refuses(request.headers.raw):
        caller = Caller(mode="general", site=caller.site)  # the signal holds for lists as it does for events
    page = await live.page(caller, blocks, explain=explain)
    counters, log, now = request.app.state.counters, request.app.state.list_log, live.clock()
    bodies = []
    for ranked_list, block, shadow in zip(page.lists, blocks, page.shadows, strict=True):
        request_id, is_degraded = block.request_id, page.is_degraded
        counters.list_served(ranked_list.scene, ranked_list.mode, is_degraded)
        log.add(ranked_list, request_id, now, site=caller.site, slot=block.slot, is_degraded=is_degraded, shadow=shadow)
        body = list_json(
            ranked_list, page.snapshot, request_id, now, slot=block.slot, is_degraded=is_degraded, explain=explain,
            cursor_key=live.cursor_key,
        )  # fmt: skip
        if debug:
            facts = told(asked, caller, block, page, ranked_list, live.scenes[ranked_list.scene])
            body = body[:-1] + b',"debug":%s}' % facts
        bodies.append(body)
    return bodies


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live
