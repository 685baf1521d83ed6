"""What the console answers: pages from the process that makes them, the sign-in form, and refusals.

In: a request and who asks. Out: a response with the headers that every page of the console has.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import timedelta
from importlib import resources
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from civicrec.errors import Unavailable
from civicrec.logs import get_logger
from civicrec.registry.sign_in import HeldBack
from civicrec.security.session_ids import form_token, new_id
from serving.console.cookies import FORM, cookie_of, put_cookie
from serving.console.permission import NotPermitted, NotSignedIn
from serving.console.viewer import PAGES, Viewer

log = get_logger(__name__)

SIGN_IN_FIRST = "请先登录内容运营台，或用 HTTP Basic 提供账号和口令。\n"
BUSY = "报表暂时无法生成，请缩短日期范围或稍候重试；采集和推荐不受影响。"
AWAY = (
    "暂时无法登录或查看：账号数据库无法访问。采集和推荐不受影响，请稍候重试，或请系统管理员运行 civicrec status 查看。"
)
OUTSIDE = '<p class="outside"><a href="/console/oidc/sign-in?next={}">统一身份认证登录</a></p>'
HELD_BACK = "登录失败次数过多，请在 {} 秒后重试。"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}
#: A form that was opened the day before is still sent.
_FORM_LIFE = timedelta(days=1)
_BLANK = re.compile(r"\{\{ (\w+) \}\}")


def made_page(request: Request, name: str, asked: Any, viewer: Viewer) -> Response:
    """Return what the function of this name makes in the process for pages."""
    try:
        answer: Any = request.app.state.pages.call(name, asked, request.app.state.clock(), viewer)
    except Unavailable as error:
        log.warning("console_page_failed", page=name, error=str(error))
        return PlainTextResponse(BUSY, 503, HEADERS)
    return Response(answer.body, answer.status, {**HEADERS, **answer.headers}, answer.media_type)


def sign_in_form(
    request: Request, status: int, problem: str = "", name: str = "", notice: str = "", then: str = ""
) -> Response:
    """Return the sign-in form, which leads to the page `then`, or the one that was asked for."""
    key = cookie_of(request, FORM) or new_id()
    said = [("problem", "alert", problem), ("notice", "status", notice)]
    lines = [f'<p class="{kind}" role="{role}">{html.escape(one)}</p>' for kind, role, one in said if one]
    path = next((one for one in (then, request.url.path) if one in PAGES), "/console/")
    is_outside = bool(request.app.state.settings.oidc.issuer)
    facts: Mapping[str, str] = {
        "outside": OUTSIDE.format(quote(path)) if is_outside else "", "problem": "".join(lines),
        "token": form_token(key), "name": html.escape(name), "next": path,
    }  # fmt: skip
    text = resources.files("serving.console").joinpath("templates/sign_in.html").read_text(encoding="utf-8")
    answer = HTMLResponse(_BLANK.sub(lambda found: facts[found[1]], text), status, HEADERS)
    put_cookie(request, answer, FORM, key, _FORM_LIFE)
    return answer


def held_back(request: Request, error: HeldBack, name: str = "", then: str = "") -> Response:
    """Say how long somebody has to wait before the next attempt to sign in."""
    answer = sign_in_form(request, error.http_status, HELD_BACK.format(error.retry_after_s), name, then=then)
    answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


def add_console_handlers(app: FastAPI) -> None:
    """Answer who is not signed in, who may not, who has to wait, and everybody while the registry is away."""

    @app.exception_handler(NotSignedIn)
    async def not_signed_in(request: Request, error: NotSignedIn) -> Response:
        if error.for_script:
            basic = {"WWW-Authenticate": 'Basic realm="civicrec", charset="UTF-8"'}
            return PlainTextResponse(SIGN_IN_FIRST, 401, {**HEADERS, **basic})
        notice = "口令已修改，请用新口令登录。" if request.query_params.get("changed") == "1" else ""
        return sign_in_form(request, 200 if request.method in ("GET", "HEAD") else 403, notice=notice)

    @app.exception_handler(NotPermitted)
    async def not_permitted(request: Request, error: NotPermitted) -> Response:
        ways = error.viewer.pages()
        is_first = request.method == "GET" and request.url.path == "/console/"
        if ways and (error.viewer.must_change or is_first):
            return RedirectResponse(ways[0][0], 303, HEADERS)
        log.warning("console_refused", reason=str(error))
        return await run_in_threadpool(made_page, request, "refused_page", {}, error.viewer)

    @app.exception_handler(HeldBack)
    async def too_many(request: Request, error: HeldBack) -> Response:
        return held_back(request, error)

    @app.exception_handler(Unavailable)
    async def away(_: Request, error: Unavailable) -> Response:
        log.warning("console_without_registry", error=str(error))
        return PlainTextResponse(AWAY, 503, {**HEADERS, "Retry-After": "1"})
