"""删除我的数据: a page that says what will be gone, a press that asks for it; the receipt stands on 我的推荐设置."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from civicrec.errors import InvalidInput, NotFound
from serving.api.erasures import ask_for
from serving.portal.form_key import Fields
from serving.portal.mine.faults import FormError
from serving.portal.mine.page import PATH, act, respondent_of
from serving.portal.render import render, render_message, visitor_on
from serving.portal.visitor import Visitor

router = APIRouter(include_in_schema=False)


@router.get(f"{PATH}/erase")
def confirm(request: Request) -> Response:
    """Say what will be gone, and ask once more."""
    if visitor_on(request).account is None:
        return render_message(request, 401, "请先登录", "只有已登录的本人可以删除账号的数据。")
    return render(request, "erase.html", fault=None)


@router.post(f"{PATH}/erase")
async def erase(request: Request) -> Response:
    """Ask that all that is held of who is signed in is erased."""

    async def do(visitor: Visitor, fields: Fields) -> str | Response:
        if visitor.account is None:
            raise InvalidInput("got no account; expected a visitor who is signed in")
        if dict(fields).get("confirm") != "yes":
            fault = FormError("confirm", "请先勾选确认，再提交删除请求。")
            return render(request, "erase.html", 422, fault=fault)
        try:
            await ask_for(request, respondent_of(request, visitor))
        except NotFound:
            return render_message(request, 404, "没有可删除的数据", "本站没有保存这个账号的任何数据。")
        return RedirectResponse(f"{PATH}?done=erase", status_code=303)

    return await act(request, do)
