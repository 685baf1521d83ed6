"""Pages of items and lists that work without JavaScript: the demo's invented city, elsewhere a plain preview.

In: a request and its cookies. Out: HTML. Lists come from the same function as the API's, called in this process.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from civicrec.items import TYPE_NAMES
from civicrec.web.guard import charge
from civicrec.web.query import whole_number
from recommender.eligibility import is_public
from serving.api.transparency import told_of
from serving.portal.lists import Lists
from serving.portal.render import render, render_message, visitor_on
from serving.portal.views import (
    ELDER_PAGE_ITEMS,
    PAGE_ITEMS,
    ListView,
    facts_of,
    list_page,
    state_of,
)
from serving.portal.visitor import Visitor

CHOICE_NAMES = {"": "尚未选择（按不同意处理）", "none": "不同意", "measure": "仅统计", "personalise": "同意个性化"}
#: What of a visit counts as interest (`civicrec.events.INTEREST_WEIGHTS`), as 推荐说明 prints it.
BEHAVIOUR_NAMES = {
    "click": "点开", "read": "阅读", "favourite": "收藏", "share": "分享", "download": "下载", "subscribe": "订阅",
    "service_start": "开始办理", "service_submit": "提交申请", "service_complete": "办结", "push_open": "打开推送",
}  # fmt: skip
#: Models whose figures are told; one that is not named here stands by its own name.
MODEL_NAMES = {"popular": "热门", "item_item": "条目关联", "als": "协同过滤（ALS）"}
MAX_PAGE = 99_999
HOME_ITEMS, ELDER_ITEMS, SIDE_ITEMS, RELATED_ITEMS = 8, 5, 6, 6
STATIC = {
    "portal.css": "text/css; charset=utf-8",
    "portal.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

#: What a page is charged for, besides the request itself.
_LISTS_OF_A_PAGE = 4

router = APIRouter(include_in_schema=False)


@router.get("/portal/")
def home(request: Request) -> HTMLResponse:
    """Show the recommended block, the newest and hottest items, policies and services; fewer for elder readers."""
    visitor = visitor_on(request)
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
    return render(request, "home.html", recommended=recommended, side=side, below=below)


@router.get("/portal/items/{item_id:path}")
def item_page(request: Request, item_id: str) -> HTMLResponse:
    """Show one item with its facts, what belongs to it, and what to read next."""
    visitor, now = visitor_on(request), request.app.state.live.clock()
    lists = _lists(request, visitor)
    item = lists.item_with_text(item_id)
    if lists.is_withdrawn(item_id) or (item is not None and item.status == "withdrawn"):
        return render_message(request, 410, "内容已撤下", "发布机构已撤下这项内容，请以最新发布的内容为准。")
    if item is None or not is_public(item, now):
        return render_message(request, 404, "没有找到这个页面", "您访问的内容不存在，可能地址有误。")
    bundle = lists.bundle(item)
    tied = [card.item.item_id for block in bundle for card in block.cards]
    return render(
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
    return render_message(request, 200, "到此为止", "门户会在这里转到办事系统。本页没有真实的申报。")


@router.get("/portal/lists/{item_type}")
def type_list(request: Request, item_type: str, page: str = "1") -> HTMLResponse:
    """Show all items of a type, newest first, in pages; the same for everybody."""
    if item_type not in TYPE_NAMES:
        return render_message(request, 404, "没有这个栏目", f"可以浏览的栏目：{'、'.join(TYPE_NAMES.values())}。")
    visitor = visitor_on(request)
    lists = _lists(request, visitor)
    number = whole_number(page, 1, MAX_PAGE) or 1
    size = ELDER_PAGE_ITEMS if visitor.elder else PAGE_ITEMS
    shown = list_page(lists.public(item_type), number, size, request.app.state.live.clock())
    name = TYPE_NAMES[item_type]
    block = ListView(scene=f"list-{item_type}", title=name, cards=shown.cards)
    return render(request, "list.html", type_name=name, page=shown, block=block)


@router.get("/portal/about")
def about(request: Request) -> HTMLResponse:
    """Say that recommendations are used, from what, and how to switch them off (算法推荐管理规定 Art. 16, 17)."""
    visitor = visitor_on(request)
    return render(
        request,
        "about.html",
        told=told_of(request.app.state.live),
        behaviours=BEHAVIOUR_NAMES,
        models=MODEL_NAMES,
        choice_name=CHOICE_NAMES[visitor.choice],
    )


@router.get("/portal/static/{name}")
def static(name: str) -> Response:
    """Serve the style sheet, the script and the icon."""
    if name not in STATIC:
        return Response(status_code=404)
    return Response(_static_bytes(name), media_type=STATIC[name], headers={"Cache-Control": "max-age=300"})


@cache
def _static_bytes(name: str) -> bytes:
    return resources.files("serving.portal").joinpath("static", name).read_bytes()


def _lists(request: Request, visitor: Visitor) -> Lists:
    charge(request.scope, _LISTS_OF_A_PAGE)
    state = request.app.state
    return Lists(state.live, state.related, state.counters, state.list_log, visitor, state.live.clock())
