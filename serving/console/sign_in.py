"""Signing in to the console with an account, and out.

In: the sign-in form. Out: a session's cookie, or the form again.
"""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from civicrec.errors import InvalidInput, Unauthorized
from civicrec.logs import get_logger
from civicrec.registry.accounts import Account
from civicrec.registry.sessions import LONGEST
from civicrec.registry.sign_in import HeldBack
from civicrec.security.session_ids import is_form_token
from civicrec.web.guard import charge
from serving.console.answering import HEADERS, held_back, sign_in_form
from serving.console.cookies import BROWSER, FORM, SESSION, cookie_of, drop_cookie, put_cookie
from serving.console.permission import Needs, open_to_all
from serving.console.viewer import PAGES, Viewer
from serving.forms import form_of

router = APIRouter(include_in_schema=False)
log = get_logger(__name__)

WRONG = "账号或口令不正确，或账号已停用。"
STALE = "登录页面已过期或不是从内容运营台打开的，请重新登录。"
NOT_FROM_HERE = "表单不是从内容运营台页面提交的，或内容过长，未做任何更改。请返回页面重新提交。\n"
#: Who guesses, and fills the log with it, guesses ten times a second at most.
LISTS_OF_A_WRONG_PASSWORD = 20
#: How long a browser that signed in is known; each sign-in begins it anew.
_KNOWN = timedelta(days=180)


@router.post("/sign-in", dependencies=[Depends(open_to_all)])
async def sign_in(request: Request) -> Response:
    """Begin a session; the form comes back when account and password are not right."""
    try:
        given = await form_of(request, request.app.state.settings)
        if not is_form_token(given.get("token", ""), cookie_of(request, FORM)):
            raise InvalidInput("got a form without its token; expected the one of the page")
    except InvalidInput as error:  # of another site, or longer than any password
        charge(request.scope, LISTS_OF_A_WRONG_PASSWORD)
        log.warning("console_sign_in_refused", reason=str(error))
        return sign_in_form(request, 403, STALE)
    name, then = given.get("name", ""), given.get("next", "")
    try:
        account = await run_in_threadpool(request.app.state.gate.sign_in, request, name, given.get("password", ""))
    except HeldBack as error:
        return held_back(request, error, name, then)
    except Unauthorized:
        charge(request.scope, LISTS_OF_A_WRONG_PASSWORD)
        log.warning("console_sign_in_refused", reason="wrong password")
        return sign_in_form(request, 403, WRONG, name, then=then)
    answer = RedirectResponse(then if then in PAGES else "/console/", 303, HEADERS)
    await run_in_threadpool(begin_session_in, request, answer, account)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, viewer: Viewer = Depends(Needs("account", "see"))) -> Response:
    """End the session of this browser."""
    try:
        given = await form_of(request, request.app.state.settings)
    except InvalidInput:
        given = {}
    if not is_form_token(given.get("token", ""), cookie_of(request, SESSION)):
        return PlainTextResponse(NOT_FROM_HERE, 403, HEADERS)
    await run_in_threadpool(request.app.state.gate.end, request)
    answer = RedirectResponse("/console/", 303, HEADERS)
    drop_cookie(request, answer, SESSION)
    return answer


def begin_session_in(request: Request, answer: Response, account: Account) -> None:
    """Begin a session and give its cookies to the browser."""
    session_id, browser = request.app.state.gate.begin(request, account)
    put_cookie(request, answer, SESSION, session_id, LONGEST)
    put_cookie(request, answer, BROWSER, browser, _KNOWN)
    drop_cookie(request, answer, FORM)
