"""The console over HTTP: a sign-in, then pages that are made in a process of their own.

In: requests. Out: the sign-in form to who has not signed in, else what `serving.console.pages` makes.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from civicrec.errors import InvalidInput, Unavailable
from civicrec.logs import get_logger
from civicrec.web.guard import charge
from serving.console.sign_in import COOKIE, SESSION, is_password, is_signed_in, session_cookie
from serving.forms import fields_of, form_of, is_https

router = APIRouter(include_in_schema=False)
log = get_logger(__name__)

SIGN_IN_FIRST = "请先登录内容运营台，或用 HTTP Basic 提供口令。\n"
BUSY = "报表暂时无法生成，请缩短日期范围或稍候重试；采集和推荐不受影响。"
WRONG = "口令不正确。"
NOT_FROM_HERE = "表单不是从内容运营台页面提交的，或内容过长，未做任何更改。请返回页面重新提交。\n"
#: A hundred ticked rows of the longest ids, and a reply of 2 000 characters, as browsers write them.
MAX_FORM_BYTES = 1 << 18
#: Who guesses, and fills the log with it, guesses ten times a second at most.
LISTS_OF_A_WRONG_PASSWORD = 20
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}


@router.get("/")
def items_page(request: Request) -> Response:
    """Show the item table, or the sign-in form."""
    return _answer(request, "items_page") if _is_signed_in(request) else _sign_in_form(200)


@router.get("/items.csv")
def items_csv(request: Request) -> Response:
    """Give the same table to office software."""
    return _file(request, "items_csv")


@router.get("/worth")
def worth_page(request: Request) -> Response:
    """Show what personalisation is worth, or the sign-in form."""
    return _answer(request, "worth_page") if _is_signed_in(request) else _sign_in_form(200)


@router.get("/worth.csv")
def worth_csv(request: Request) -> Response:
    """Give the same to office software."""
    return _file(request, "worth_csv")


@router.get("/tags")
def tags_page(request: Request) -> Response:
    """Show the suggested tags, or the sign-in form."""
    return _answer(request, "tags_page") if _is_signed_in(request) else _sign_in_form(200)


@router.post("/tags")
async def decide_tags(request: Request) -> Response:
    """Accept or refuse suggested tags."""
    return await _edit(request, "decide_tags")


@router.get("/complaints")
def complaints_page(request: Request) -> Response:
    """Show the complaints, or the sign-in form."""
    return _answer(request, "complaints_page") if _is_signed_in(request) else _sign_in_form(200)


@router.post("/complaints")
async def answer_complaint(request: Request) -> Response:
    """Answer a complaint."""
    return await _edit(request, "answer_complaint")


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Begin a session; the form comes back when the password is wrong."""
    try:
        entered = (await form_of(request, request.app.state.settings)).get("password", "")
    except InvalidInput:  # of another site, or longer than any password
        return _sign_in_form(403, WRONG)
    state = request.app.state
    password = await run_in_threadpool(state.password)
    if not is_password(entered, password):
        charge(request.scope, LISTS_OF_A_WRONG_PASSWORD)
        log.warning("console_sign_in_refused")
        return _sign_in_form(403, WRONG)
    answer = RedirectResponse("/console/", 303, _HEADERS)
    answer.set_cookie(
        COOKIE, session_cookie(password, state.clock()), max_age=int(SESSION.total_seconds()), path="/console/",
        secure=is_https(request), httponly=True, samesite="strict",
    )  # fmt: skip
    return answer


@router.post("/sign-out")
def sign_out() -> Response:
    """End the session in this browser."""
    answer = RedirectResponse("/console/", 303, _HEADERS)
    answer.delete_cookie(COOKIE, path="/console/")
    return answer


@router.get("/static/console.css")
def style() -> Response:
    """Serve the style sheet."""
    text = resources.files("serving.console").joinpath("static/console.css").read_text(encoding="utf-8")
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=300"})


def _is_signed_in(request: Request) -> bool:
    state = request.app.state
    cookie = request.cookies.get(COOKIE, "")
    return is_signed_in(request.headers, cookie, state.password(), state.clock())


def _file(request: Request, name: str) -> Response:
    if not _is_signed_in(request):
        return PlainTextResponse(
            SIGN_IN_FIRST, 401, {**_HEADERS, "WWW-Authenticate": 'Basic realm="civicrec", charset="UTF-8"'}
        )
    return _answer(request, name)


async def _edit(request: Request, name: str) -> Response:
    """Do what a form of one of these pages says, for who has signed in."""
    if not await run_in_threadpool(_is_signed_in, request):
        return _sign_in_form(403)
    try:
        fields = await fields_of(request, request.app.state.settings, MAX_FORM_BYTES)
    except InvalidInput as error:
        log.warning("console_form_refused", page=name, error=str(error))
        return PlainTextResponse(NOT_FROM_HERE, 403, _HEADERS)
    return await run_in_threadpool(_answer, request, name, fields)


def _answer(request: Request, name: str, facts: Any = None) -> Response:
    asked = dict(request.query_params) if facts is None else facts
    try:
        answer: Any = request.app.state.pages.call(name, asked, request.app.state.clock())
    except Unavailable as error:
        log.warning("console_page_failed", page=name, error=str(error))
        return PlainTextResponse(BUSY, 503, _HEADERS)
    return Response(answer.body, answer.status, {**_HEADERS, **answer.headers}, answer.media_type)


def _sign_in_form(status: int, problem: str = "") -> Response:
    text = resources.files("serving.console").joinpath("templates/sign_in.html").read_text(encoding="utf-8")
    notice = f'<p class="problem" role="alert">{problem}</p>' if problem else ""
    return HTMLResponse(text.replace("{{ problem }}", notice), status, _HEADERS)
