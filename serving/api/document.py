"""``/openapi.json`` and ``/docs``: what this API takes and answers, for programs and for people.

In: the routes of an application. Out: its document, and a page.
"""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from civicrec.web.docs_page import HEADERS, docs_page
from civicrec.web.openapi import describe, operations_of

router = APIRouter(include_in_schema=False)
_DESCRIPTION = (
    "Lists for the pages of a government portal, each item with a true reason; and the catalogue they are made from. "
    "政务门户的推荐列表（每条都带真实理由）与内容目录。"
)


def describe_lists(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Let the application's document say what these routers tell of their routes."""
    describe(app, "civicrec", _DESCRIPTION, (one for each in routers for one in operations_of(each.routes)))


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Show every call with its parameters."""
    return HTMLResponse(docs_page(request.app.openapi()), headers=HEADERS)
