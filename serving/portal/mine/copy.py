"""我的数据: a copy of what is held of who is signed in, as a file to take along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from civicrec.errors import Unavailable
from serving.api.my_data import copy_of, table_of
from serving.portal.mine.page import PATH
from serving.portal.render import render_message, visitor_on

router = APIRouter(include_in_schema=False)


@router.get(f"{PATH}/data.json")
async def copy(request: Request) -> Response:
    """Give all that is held, for programs."""
    return await _file(request, copy_of)


@router.get(f"{PATH}/data.csv")
async def table(request: Request) -> Response:
    """Give a table for office software."""
    return await _file(request, table_of)


async def _file(request: Request, make: Callable[[Request, str], Awaitable[Response]]) -> Response:
    account = visitor_on(request).account
    if account is None:
        return render_message(request, 401, "请先登录", "数据副本只提供给已登录的本人。")
    try:
        return await make(request, account.actor)
    except Unavailable:
        return render_message(request, 503, "暂时无法下载", "系统繁忙，请稍后再试。")
