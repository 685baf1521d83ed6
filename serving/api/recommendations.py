"""``GET`` and ``POST /v1/recommendations``: one list, or all of a page; ``GET /v1/recommendations.html``: one as HTML.

In: a query string or a JSON body. Out: lists as docs/contracts.md §3 has them.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from civicrec.clock import monotonic_s
from civicrec.web.calls import JSON, Answer, Body, Call, describes, refused
from civicrec.web.guard import charge
from civicrec.web.query import bearer_of
from civicrec.web.signals import refuses
from serving.answers import NO_STORE, json_answer, list_json
from serving.debug import told
from serving.fragment import list_html
from serving.live import Caller, ListQuery, Live, Page
from serving.query import TOO_MANY, query_of
from serving.schemas import (
    MAX_RECENT,
    FragmentQueryString,
    ListParameters,
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
HTML = "text/html"

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
    caller = _caller(request, live, query, ids_of(query.recent, MAX_RECENT))
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
    caller = _caller(request, live, body, body.recent)
    blocks = [body_block(block) for block in body.blocks]
    bodies = await _lists(request, live, caller, blocks, explain=body.explain, debug=query.debug)
    request.app.state.counters.answered(monotonic_s() - began)
    return json_answer(b'{"blocks":[' + b",".join(bodies) + b"]}")


@router.get("/v1/recommendations.html")
@describes(
    Call(
        {
            200: Answer("HTML, marked for the tracker; empty without items that can be linked to", media=HTML),
            **_REFUSED,
        },
        query=FragmentQueryString,
        security=("subject_token",),
    )
)
async def get_fragment(request: Request) -> Response:
    """Return one list as a piece of HTML for a page; empty if nothing in it can be linked to."""
    began, live, query = monotonic_s(), _live(request), query_of(request, FragmentQueryString)
    caller = _caller(request, live, query, ids_of(query.recent, MAX_RECENT))
    block = query_block(query)
    page = await _made(request, live, await _allowed(request, live, caller), [block], explain=False)
    text = list_html(page.lists[0], block.request_id, slot=block.slot, link=query.link)
    request.app.state.counters.answered(monotonic_s() - began)
    return HTMLResponse(text, headers=NO_STORE)


#: What `serving.direct` calls: the functions take the request and return the response.
ROUTES = [route for route in router.routes if isinstance(route, APIRoute)]


async def _made(request: Request, live: Live, caller: Caller, blocks: list[ListQuery], *, explain: bool) -> Page:
    """Make the lists of a page, count them and keep them in the log of lists."""
    charge(request.scope, len(blocks) - 1 + sum((block.n or 0) // _ITEMS_OF_A_LIST for block in blocks))
    page = await live.page(caller, blocks, explain=explain)
    state, now, is_degraded = request.app.state, live.clock(), page.is_degraded
    for made, block, shadow in zip(page.lists, blocks, page.shadows, strict=True):
        state.counters.list_served(made.scene, made.mode, is_degraded)
        state.list_log.add(
            made, block.request_id, now, site=caller.site, slot=block.slot, is_degraded=is_degraded, shadow=shadow
        )
    return page


async def _lists(
    request: Request, live: Live, asked: Caller, blocks: list[ListQuery], *, explain: bool, debug: bool
) -> list[bytes]:
    if debug:
        request.app.state.publisher.site(request.headers.raw)
    caller = await _allowed(request, live, asked)
    page, now = await _made(request, live, caller, blocks, explain=explain), live.clock()
    bodies = []
    for made, block in zip(page.lists, blocks, strict=True):
        body = list_json(
            made, page.snapshot, block.request_id, now, slot=block.slot, is_degraded=page.is_degraded, explain=explain,
            cursor_key=live.cursor_key, encoded=page.encoded,
        )  # fmt: skip
        if debug:
            body = body[:-1] + b',"debug":%s}' % told(asked, caller, block, page, made, live.scenes[made.scene])
        bodies.append(body)
    return bodies


def _caller(request: Request, live: Live, said: ListParameters | PageBody, recent: tuple[str, ...]) -> Caller:
    bearer = bearer_of(request.headers.get("authorization", ""))
    return caller_of(said, recent, bearer, live.settings, live.keys, live.clock())


async def _allowed(request: Request, live: Live, asked: Caller) -> Caller:
    """Return who asks as the signals of the browser and the consent ledger let it be, as they do for events."""
    if refuses(request.headers.raw):
        return Caller(mode="general", site=asked.site)
    if asked.mode != "general" and not await live.may_use(asked.actor, asked.site):
        return Caller(mode="general", site=asked.site, lacks_consent=True)
    return asked


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live
