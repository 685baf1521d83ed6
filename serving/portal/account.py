"""Who is signed in on the pages: the holder of a subject token in a cookie, which the portal's own sign-in signs.

In: the cookies of a request. Out: an `Account`. The demo has two accounts that anybody may open; elsewhere this server
signs nobody in.
"""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from civicrec.errors import InvalidInput, Unavailable
from civicrec.home import DEMO
from serving.forms import form_of
from serving.live import Live
from serving.portal.choices import keep_cookie
from serving.portal.render import render, render_message
from serving.portal.visitor import ACCOUNT_COOKIE, MODE_COOKIE, safe_next
from serving.schemas import own_site

router = APIRouter(include_in_schema=False)
PATH = "/portal/sign-in"
#: The accounts of the demo, as its portal would know them.
DEMO_ACCOUNTS = {"person": "demo-person", "firm": "demo-firm"}
SIGNED_IN = timedelta(hours=8)


@router.get(PATH)
def sign_in_page(request: Request, next: str = "") -> Response:  # noqa: A002  # the name of the field
    """Show the accounts of the demo."""
    if not _is_demo(request):
        return render_message(request, 404, "没有找到这个页面", "本页只在演示站点中提供；请从门户网站登录。")
    return render(request, "sign_in.html", next=safe_next(next))


@router.post(PATH)
async def sign_in(request: Request) -> Response:
    """Sign in as one of the demo's accounts."""
    live: Live = request.app.state.live
    try:
        fields = await form_of(request, live.settings)
        if not _is_demo(request):
            raise InvalidInput("this installation is no demo: its portal signs people in; expected to come from there")
        if (name := fields.get("account", "")) not in DEMO_ACCOUNTS:
            raise InvalidInput(f"got account {name[:20]!r}; expected {' or '.join(DEMO_ACCOUNTS)}")
        site = own_site(live.settings)
        user_id = DEMO_ACCOUNTS[name]
        actor = live.keys.subject_id(site, user_id)
        is_off = (await request.app.state.decisions.of(actor)).off_since is not None
    except InvalidInput as error:
        return render_message(request, 422, "无法处理这次提交", str(error))
    except Unavailable:
        return render_message(request, 503, "暂时无法登录", "系统繁忙，请稍后再试。")
    answer = RedirectResponse(safe_next(fields.get("next", "")), status_code=303)
    token = live.keys.sign(site, user_id, live.clock(), SIGNED_IN)
    keep_cookie(request, answer, ACCOUNT_COOKIE, token, max_age_s=int(SIGNED_IN.total_seconds()))
    if is_off:  # switched off elsewhere: the pages say so, too
        keep_cookie(request, answer, MODE_COOKIE, "general")
    return answer


@router.post("/portal/sign-out")
async def sign_out(request: Request) -> Response:
    """Forget on this browser who was signed in."""
    try:
        fields = await form_of(request, request.app.state.live.settings)
    except InvalidInput as error:
        return render_message(request, 422, "无法处理这次提交", str(error))
    answer = RedirectResponse(safe_next(fields.get("next", "")), status_code=303)
    answer.delete_cookie(ACCOUNT_COOKIE, path="/")
    return answer


def _is_demo(request: Request) -> bool:
    return DEMO.of(request.app.state.live.settings.home).exists()
