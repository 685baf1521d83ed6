"""Cookies of the console. Over https they are bound to this host alone (``__Host-``), over http to the console's path.

In: a request. Out: the value of a cookie, or an answer that sets or drops it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from fastapi import Request, Response

from serving.forms import is_https

#: The session; a browser that signed in before; the key of the sign-in form's token; a sign-in at an OpenID provider.
SESSION, BROWSER, FORM, OUTSIDE = (
    "civicrec_console", "civicrec_console_browser", "civicrec_console_form", "civicrec_console_oidc",
)  # fmt: skip


def cookie_of(request: Request, name: str) -> str:
    """Return a cookie's value, empty if there is none; over https one that http may have set is not looked at."""
    return request.cookies.get(_named(request, name), "")


def put_cookie(
    request: Request, answer: Response, name: str, value: str, life: timedelta,
    same_site: Literal["strict", "lax"] = "strict",
) -> None:  # fmt: skip
    """Set a cookie that no script reads and no other site sends."""
    answer.set_cookie(
        _named(request, name), value, max_age=int(life.total_seconds()), path=_path(request),
        secure=is_https(request), httponly=True, samesite=same_site,
    )  # fmt: skip


def drop_cookie(request: Request, answer: Response, name: str) -> None:
    """Make the browser forget a cookie."""
    answer.delete_cookie(_named(request, name), path=_path(request), secure=is_https(request), httponly=True)


def _named(request: Request, name: str) -> str:
    return f"__Host-{name}" if is_https(request) else name


def _path(request: Request) -> str:
    return "/" if is_https(request) else "/console/"
