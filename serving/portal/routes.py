"""Pages of items and lists that work without JavaScript: the demo's invented city, elsewhere a plain preview.

In: a request and its cookies. Out: HTML. Lists come from the same function as the API's, called in this process.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from civicrec.clock import to_ms
from civicrec.errors import InvalidInput
from civicrec.events import anonymous_actor
from civicrec.process.ports import address_of, is_everywhere
from civicrec.web.guard import charge
from civicrec.web.query import whole_number
from civicrec.web.signals import refuses
from recommender.eligibility import is_public
from serving.forms import form_of, is_https
from serving.portal.lists import Lists
from serving.portal.masthead import masthead_of
from serving.portal.views import (
    ELDER_PAGE_ITEMS,
    PAGE_ITEMS,
    TYPE_NAMES,
    ListView,
    facts_of,
    list_page,
    state_of,
)
from serving.portal.visitor import (
    CONSENT_COOKIE,
    ELDER_COOKIE,
    ID_COOKIE,
    MAX_AGE_S,
    MODE_COOKIE,
    Visitor,
    new_anonymous_id,
    safe_next,
    visitor_of,
)
from serving.schemas import site_of

MENU = (
    ("/portal/", "首页"),
    *((f"/portal/lists/{name}", TYPE_NAMES[name]) for name in ("policy", "interpretation", "service", "news", "faq")),
    ("/portal/about", "推荐说明"),
)
CHOICE_NAMES = {"": "尚未选择（按不同意处理）", "none": "不同意", "measure": "仅统计", "personalise": "同意个性化"}
MAX_PAGE = 99_999
HOME_ITEMS, ELDER_ITEMS, SIDE_ITEMS, RELATED_ITEMS = 8, 5, 6, 6
STATIC = {
    "portal.css": "text/css; charset=utf-8",
    "widget.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

#: What a page is charged for, besides the request itself.
_LISTS_OF_A_PAGE = 4

router = APIRouter(include_in_schema=False)


@router.get("/portal/")
def home(request: Request) -> HTMLResponse:
    """Show the recommended block, the newest and hottest items, policies and services; fewer for elder readers."""
    visitor = _visitor(request)
    lists = _lists(request, visitor)
    if visitor.elder:
        recommended, services = lists.of([("elder", ELDER_ITEMS), ("services", ELDER_ITEMS)])
        side: list[ListView] = []
        below = [(services, ("/portal/lists/service", "更多办事服务"))]
    else:
        recommended, policies, services, latest, hot = lists.of(
            [("home", HOME_ITEMS), ("policies", SIDE_ITEMS), ("services", SIDE_ITEMS)]
            + [("latest", SIDE_ITEMS), ("hot", SIDE_ITEMS)]
        )
        side = [latest, hot]
        below = [
            (policies, ("/portal/lists/policy", "更多政策文件")),
            (services, ("/portal/lists/service", "更多办事服务")),
        ]
    return _page(request, "home.html", recommended=recommended, side=side, below=below)


@router.get("/portal/items/{item_id:path}")
def item_page(request: Request, item_id: str) -> HTMLResponse:
    """Show one item with its facts, what belongs to it, and what to read next."""
    visitor, now = _visitor(request), request.app.state.live.clock()
    lists = _lists(request, visitor)
    item = lists.item_with_text(item_id)
    if lists.is_withdrawn(item_id) or (item is not None and item.status == "withdrawn"):
        return _message(request, 410, "内容已撤下", "发布机构已撤下这项内容，请以最新发布的内容为准。")
    if item is None or not is_public(item, now):
        return _message(request, 404, "没有找到这个页面", "您访问的内容不存在，可能地址有误。")
    bundle = lists.bundle(item)
    tied = [card.item.item_id for block in bundle for card in block.cards]
    return _page(
        request,
        "item.html",
        item=item,
        type_name=TYPE_NAMES[item.item_type],
        facts=facts_of(item, now),
        paragraphs=[line for line in item.body_text.splitlines() if line.strip()],
        external=item.url if item.url.startswith(("https://", "http://")) else "",
        startable=item.item_type == "service" and state_of(item, now) in ("", "正在申报"),
        bundle=bundle,
        related=lists.next_to(item, ELDER_ITEMS if visitor.elder else RELATED_ITEMS, tied),
    )


@router.get("/portal/apply/{item_id:path}")
def apply(request: Request, item_id: str) -> HTMLResponse:
    """End where a portal would hand over to its own application system."""
    return _message(request, 200, "到此为止", "门户会在这里转到办事系统。本页没有真实的申报。")


@router.get("/portal/lists/{item_type}")
def type_list(request: Request, item_type: str, page: str = "1") -> HTMLResponse:
    """Show all items of a type, newest first, in pages; the same for everybody."""
    if item_type not in TYPE_NAMES:
        return _message(request, 404, "没有这个栏目", f"可以浏览的栏目：{'、'.join(TYPE_NAMES.values())}。")
    visitor = _visitor(request)
    lists = _lists(request, visitor)
    number = whole_number(page, 1, MAX_PAGE) or 1
    size = ELDER_PAGE_ITEMS if visitor.elder else PAGE_ITEMS
    shown = list_page(lists.public(item_type), number, size, request.app.state.live.clock())
    name = TYPE_NAMES[item_type]
    block = ListView(scene=f"list-{item_type}", title=name, cards=shown.cards)
    return _page(request, "list.html", type_name=name, page=shown, block=block)


@router.get("/portal/about")
def about(request: Request) -> HTMLResponse:
    """Say that recommendations are used, from what, and how to switch them off (算法推荐管理规定 Art. 16, 17)."""
    visitor = _visitor(request)
    lists = _lists(request, visitor)
    return _page(
        request,
        "about.html",
        scenes=request.app.state.live.scenes.values(),
        model=lists.model,
        choice_name=CHOICE_NAMES[visitor.choice],
    )


@router.post("/portal/consent")
async def consent(request: Request) -> Response:
    """Keep the visitor's choice; refusing takes the id away, and what was known under it."""
    before = visitor_of(request.cookies)
    answer = await _chosen(request, _set_consent)
    if before.choice == "personalise" and before.anonymous_id and _gave_up(answer):
        await _withdraw(request, before.anonymous_id)
    return answer


def _gave_up(answer: Response) -> bool:
    kept = [value for value in answer.headers.getlist("set-cookie") if value.startswith(f"{CONSENT_COOKIE}=")]
    return bool(kept) and not kept[0].startswith(f"{CONSENT_COOKIE}=personalise")


async def _withdraw(request: Request, anonymous_id: str) -> None:
    """End what the visitor is known by, now in the online store and by an event for good."""
    live, now = request.app.state.live, request.app.state.live.clock()
    actor = anonymous_actor(anonymous_id)
    await live.budget.read(lambda: asyncio.to_thread(live.store.withdraw, actor, to_ms(now)))
    event = {"kind": "consent_withdrawn", "site": site_of("", live.settings), "anonymous_id": anonymous_id,
             "consent": "measure"}  # fmt: skip
    await asyncio.to_thread(request.app.state.recorder.record, event, "", now)


@router.post("/portal/mode")
async def mode(request: Request) -> Response:
    """Switch personalisation off or on; the very next page obeys."""
    return await _chosen(request, _set_mode)


@router.post("/portal/elder")
async def elder(request: Request) -> Response:
    """Switch the large-type pages on or off."""
    return await _chosen(request, _set_elder)


@router.get("/portal/static/{name}")
def static(name: str) -> Response:
    """Serve the style sheet, the widget and the icon."""
    if name not in STATIC:
        return Response(status_code=404)
    return Response(_static_bytes(name), media_type=STATIC[name], headers={"Cache-Control": "max-age=300"})


@cache
def _static_bytes(name: str) -> bytes:
    return resources.files("serving.portal").joinpath("static", name).read_bytes()


def _visitor(request: Request) -> Visitor:
    """Return who looks; one whose browser says not to be tracked sees general lists."""
    visitor = visitor_of(request.cookies)
    return replace(visitor, switched_off=True) if refuses(request.headers.raw) else visitor


def _lists(request: Request, visitor: Visitor) -> Lists:
    charge(request.scope, _LISTS_OF_A_PAGE)
    return Lists(request.app.state.live, request.app.state.counters, visitor, request.app.state.live.clock())


async def _chosen(request: Request, act: Any) -> Response:
    try:
        fields = await form_of(request, request.app.state.live.settings)
        answer = RedirectResponse(safe_next(fields.get("next", "")), status_code=303)
        act(request, answer, fields)
    except InvalidInput as error:
        return _message(request, 422, "无法处理这次提交", str(error))
    return answer


def _set_consent(request: Request, answer: Response, fields: dict[str, str]) -> None:
    choice = fields.get("choice", "")
    if choice not in ("none", "measure", "personalise"):
        raise InvalidInput(f"got choice {choice!r}; expected none, measure or personalise")
    if refuses(request.headers.raw):
        choice = "none"  # what the browser says holds, here as at the collector
    _keep(request, answer, CONSENT_COOKIE, choice)
    answer.delete_cookie(MODE_COOKIE, path="/")  # a fresh choice says again what may be used
    if choice == "none":
        answer.delete_cookie(ID_COOKIE, path="/")
    else:
        # The tracker reads the id from the page, so this cookie alone is open to scripts.
        _keep(request, answer, ID_COOKIE, _visitor(request).anonymous_id or new_anonymous_id(), script=True)


def _set_mode(request: Request, answer: Response, fields: dict[str, str]) -> None:
    wanted = fields.get("mode", "")
    if wanted not in ("general", "personalised"):
        raise InvalidInput(f"got mode {wanted!r}; expected general or personalised")
    _keep(request, answer, MODE_COOKIE, wanted)


def _set_elder(request: Request, answer: Response, fields: dict[str, str]) -> None:
    _keep(request, answer, ELDER_COOKIE, "1" if fields.get("elder") == "1" else "0")


def _keep(request: Request, answer: Response, name: str, value: str, *, script: bool = False) -> None:
    secure = is_https(request)
    answer.set_cookie(name, value, max_age=MAX_AGE_S, path="/", samesite="lax", httponly=not script, secure=secure)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("serving.portal"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def _message(request: Request, status: int, heading: str, text: str) -> HTMLResponse:
    return _page(request, "message.html", status, heading=heading, text=text)


def _page(request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    collector = _collector(request)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    text = (
        _templates()
        .get_template(template)
        .render(
            masthead=masthead_of(request.app.state.live.settings),
            menu=MENU,
            visitor=_visitor(request),
            collector=collector,
            here=here if request.method == "GET" else "/portal/",
            here_path=request.url.path,
            **facts,
        )
    )
    return HTMLResponse(text, status_code=status, headers=_headers(collector))


def _collector(request: Request) -> str:
    """Return the origin of the tracker: the collector's port on the name this page was opened under."""
    settings = request.app.state.live.settings.collector
    host = settings.host
    if is_everywhere(host):
        host = request.url.hostname or "127.0.0.1"
    return f"http://{address_of(host, settings.port)}"


def _headers(collector: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; script-src 'self' {collector}; connect-src 'self' {collector}; style-src 'self'; "
            "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        # Every page depends on choices that may change with the next click.
        "Cache-Control": "private, no-store",
    }
