"""Signing in to the console through the portal's OpenID Connect provider.

In: a browser that asks to, and one that comes back. Out: the way to the provider, then a session's cookie.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse

from civicrec.errors import ConfigError, Unauthorized, Unavailable
from civicrec.logs import get_logger
from civicrec.registry.outside import Outsider, sign_in_from_outside
from civicrec.security.sealing import Seal
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.web.guard import charge
from serving.console.answering import HEADERS, sign_in_form
from serving.console.cookies import OUTSIDE, cookie_of, drop_cookie, put_cookie
from serving.console.openid import LONGEST, Begun, begin, roles_in
from serving.console.permission import open_to_all
from serving.console.sign_in import LISTS_OF_A_WRONG_PASSWORD, begin_session_in
from serving.console.viewer import PAGES

router = APIRouter(include_in_schema=False)
log = get_logger(__name__)

NOT_IN = "统一身份认证登录未成功：登录已过期、被取消，或您没有内容运营台的角色。请重新登录，或联系系统管理员。"
AWAY = "统一身份认证暂时无法访问，请稍候重试，或用账号和口令登录。\n"
NOT_SET_UP = "统一身份认证没有正确配置，暂时不能使用。请系统管理员查看服务日志。\n"
#: A redirect that began at another site carries no cookie of ``SameSite=Strict``; a page of ours that leads on does.
_ON = (
    '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>正在进入内容运营台</title>'
    '<meta http-equiv="refresh" content="0;url={0}"></head><body><main><h1>已登录</h1>'
    '<p><a href="{0}">进入内容运营台</a></p></main></body></html>'
)


@router.get("/oidc/sign-in", dependencies=[Depends(open_to_all)])
def to_provider(request: Request) -> Response:
    """Send the browser to the provider, with what only it and we know sealed in a cookie."""
    state = request.app.state
    if not state.settings.oidc.issuer:
        return sign_in_form(request, 404)
    charge(request.scope, LISTS_OF_A_WRONG_PASSWORD)
    wanted = request.query_params.get("next", "")
    begun = begin(state.clock(), wanted if wanted in PAGES else "/console/")
    try:
        address = state.provider.address(begun, state.clock())
    except (ConfigError, Unavailable) as error:
        return _out_of_order(error)
    answer = RedirectResponse(address, 302, HEADERS)
    sealed = base64.urlsafe_b64encode(_seal(state.settings).close(begun.as_text(), OUTSIDE)).decode()
    put_cookie(request, answer, OUTSIDE, sealed, LONGEST, same_site="lax")  # the provider's redirect is another site's
    return answer


@router.get("/oidc/callback", dependencies=[Depends(open_to_all)])
def from_provider(request: Request) -> Response:
    """Begin a session for who comes back with a proof of the provider."""
    state = request.app.state
    if not state.settings.oidc.issuer:
        return sign_in_form(request, 404)
    charge(request.scope, LISTS_OF_A_WRONG_PASSWORD)
    try:
        begun = _begun(request, state.settings)
        claims = state.provider.claims(begun, dict(request.query_params), state.clock())
        account = sign_in_from_outside(state.gate.registry, _outsider(claims, state.settings), state.clock())
    except (ConfigError, Unavailable) as error:
        return _out_of_order(error)
    except Unauthorized as error:
        log.warning("console_sign_in_refused", reason=str(error))
        answer = sign_in_form(request, 403, NOT_IN)
        drop_cookie(request, answer, OUTSIDE)
        return answer
    done: Response = HTMLResponse(_ON.format(html.escape(begun.then)), 200, HEADERS)
    begin_session_in(request, done, account)
    drop_cookie(request, done, OUTSIDE)
    return done


def _begun(request: Request, settings: Settings) -> Begun:
    try:
        sealed = base64.urlsafe_b64decode(cookie_of(request, OUTSIDE))
        return Begun(**json.loads(_seal(settings).open(sealed, OUTSIDE)))
    except (binascii.Error, ValueError, TypeError, ConfigError):
        raise Unauthorized("no sign-in was begun in this browser") from None


def _outsider(claims: Mapping[str, Any], settings: Settings) -> Outsider:
    oidc = settings.oidc
    words = [claims.get(name) for name in (oidc.name_claim, "name")]
    name, shown = (word if isinstance(word, str) else "" for word in words)
    return Outsider(f"{oidc.issuer} {claims['sub']}", name, shown.strip() or name, tuple(roles_in(claims, oidc)))


def _seal(settings: Settings) -> Seal:
    return Seal(load_keys(settings).key_for("console oidc"))


def _out_of_order(error: ConfigError | Unavailable) -> Response:
    is_wrong = isinstance(error, ConfigError)
    log.error("console_oidc_set_up_wrong" if is_wrong else "console_oidc_away", error=str(error))
    return PlainTextResponse(NOT_SET_UP if is_wrong else AWAY, 503, {**HEADERS, "Retry-After": "1"})
