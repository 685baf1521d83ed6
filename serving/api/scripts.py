"""``GET /w.js``: the element that shows lists in pages of any origin; ``/consent.js``: the banner that asks.

In: request headers. Out: the scripts; their source is in ``collectors/tracker/src/widget``.
"""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter, Request, Response

from civicrec.web.calls import Answer, Call, describes
from civicrec.web.script import Script

router = APIRouter(tags=["scripts"])

_SCRIPT = Call({200: Answer("JavaScript", media="text/javascript")})


@router.get("/w.js")
@describes(_SCRIPT)
async def widget(request: Request) -> Response:
    """Return the widget, ``<civicrec-list>``."""
    return _script("w.js").answer(request.headers)


@router.get("/consent.js")
@describes(_SCRIPT)
async def banner(request: Request) -> Response:
    """Return the banner, ``<civicrec-consent>``; the widget fetches it where a page holds one."""
    return _script("consent.js").answer(request.headers)


@cache
def _script(name: str) -> Script:
    return Script("serving", f"static/{name}")
