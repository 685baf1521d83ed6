"""One page: its template filled for whoever looks, with the headers every page has.

In: a request, a template's name and its facts. Out: HTML.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse

from civicrec.clock import PORTAL_TZ
from civicrec.errors import Unauthorized
from civicrec.items import TYPE_NAMES
from civicrec.process.ports import address_of, is_everywhere
from civicrec.web.signals import refuses
from serving.live import Live
from serving.portal.form_key import form_key
from serving.portal.masthead import masthead_of
from serving.portal.visitor import ACCOUNT_COOKIE, Account, Visitor, visitor_of
from serving.schemas import own_site

MENU = (
    ("/portal/", "首页"),
    *((f"/portal/lists/{name}", TYPE_NAMES[name]) for name in ("policy", "interpretation", "service", "news", "faq")),
    ("/portal/about", "推荐说明"),
)


#: What the large-type pages name first.
_SERVICES = ("/portal/", "/portal/lists/service")


def _is_later(entry: tuple[str, str]) -> bool:
    return entry[0] not in _SERVICES


def visitor_on(request: Request) -> Visitor:
    """Return who looks; one whose browser says not to be tracked sees general lists."""
    visitor = replace(visitor_of(request.cookies), account=_account_on(request))
    return replace(visitor, switched_off=True) if refuses(request.headers.raw) else visitor


def _account_on(request: Request) -> Account | None:
    """Return who is signed in; a token that is over, or none of ours, is nobody's."""
    live: Live = request.app.state.live
    site, token = own_site(live.settings), request.cookies.get(ACCOUNT_COOKIE, "")
    if not token:
        return None
    with suppress(Unauthorized):
        holder = live.keys.holder_of(token, site, live.clock())
        return Account(holder.subject_id, site, token, holder.is_minor)
    return None


@cache
def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("serving.portal"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["portal_time"] = _portal_time
    made.filters["portal_day"] = _portal_day
    made.filters["portal_last_day"] = lambda end: _portal_day(end - timedelta(microseconds=1))
    return made


def _portal_time(at: datetime) -> str:
    """Return a time as people of the portal read it."""
    return at.astimezone(PORTAL_TZ).strftime("%Y-%m-%d %H:%M")


def _portal_day(at: datetime) -> str:
    """Return the day of a time as people of the portal read it."""
    return at.astimezone(PORTAL_TZ).strftime("%Y-%m-%d")


def render_message(request: Request, status: int, heading: str, text: str) -> HTMLResponse:
    """Return a page that says one thing."""
    return render(request, "message.html", status, heading=heading, text=text)


def render(request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    """Fill a template; it knows the visitor, the head of the page and where the visitor is."""
    collector, visitor = _collector(request), visitor_on(request)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    text = (
        _templates()
        .get_template(template)
        .render(
            masthead=masthead_of(request.app.state.live.settings),
            menu=sorted(MENU, key=_is_later) if visitor.elder else MENU,
            visitor=visitor,
            form_key=form_key(visitor, request.app.state.live.keys),
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
