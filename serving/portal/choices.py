"""What a visitor chooses, by plain forms: consent, the switch of personalisation, large type.

In: a form. Out: the cookies of the choice and the way back to the page; the very next page obeys.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http.cookies import SimpleCookie
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from civicrec.clock import to_ms
from civicrec.errors import InvalidInput, Unavailable
from civicrec.events import anonymous_actor
from civicrec.registry.choices import PERSONALISE
from civicrec.web.guard import charge
from civicrec.web.signals import refuses
from serving.consents import Consents, Respondent
from serving.decisions import LISTS_OF_A_DECISION
from serving.feedback import LISTS_OF_FEEDBACK
from serving.forms import form_of, is_https
from serving.portal.render import render_message, visitor_on
from serving.portal.visitor import (
    CONSENT_COOKIE,
    ELDER_COOKIE,
    ID_COOKIE,
    MAX_AGE_S,
    MODE_COOKIE,
    new_anonymous_id,
    safe_next,
    visitor_of,
)
from serving.schemas import own_site

router = APIRouter(include_in_schema=False)


@router.post("/portal/consent")
async def consent(request: Request) -> Response:
    """Keep the visitor's choice; refusing takes the id away, and what was known under it.

    Where there is a notice, the ledger is told as well; the cookies decide, so a ledger that is away holds up nobody.
    """
    before = visitor_of(request.cookies)
    answer = await _chosen(request, _set_consent)
    choice, has_notice = _kept(answer, CONSENT_COOKIE), bool(request.app.state.consents.notice.version)
    gives_up = choice in ("none", "measure") and before.choice == "personalise"
    if choice == "personalise" and has_notice:
        await enter_answer(request, _kept(answer, ID_COOKIE), is_given=True)
    if gives_up and before.anonymous_id:
        is_entered = has_notice and await enter_answer(request, before.anonymous_id, is_given=False)
        if not is_entered:
            await _withdraw(request, before.anonymous_id)
    return answer


async def enter_answer(request: Request, anonymous_id: str, *, is_given: bool) -> bool:
    """Enter what was chosen in the ledger, under the browser's id; return whether that could be done."""
    charge(request.scope, LISTS_OF_A_DECISION)
    consents: Consents = request.app.state.consents
    with suppress(Unavailable, InvalidInput):  # away, or this browser fills the ledger
        await consents.answer(
            respondent_of(request, anonymous_id), PERSONALISE, consents.notice.version, "web", is_given=is_given
        )
        return True
    return False


def respondent_of(request: Request, anonymous_id: str) -> Respondent:
    """Return a browser as somebody who answers."""
    site = own_site(request.app.state.live.settings)
    return Respondent(anonymous_actor(anonymous_id), site, anonymous_id=anonymous_id)


def _kept(answer: Response, name: str) -> str:
    """Return the value that an answer sets for a cookie, empty if it sets none."""
    cookies = SimpleCookie()
    for line in answer.headers.getlist("set-cookie"):
        cookies.load(line)
    return cookies[name].value if name in cookies else ""


async def _withdraw(request: Request, anonymous_id: str) -> None:
    """End what the visitor is known by, now in the online store and by an event for good."""
    charge(request.scope, LISTS_OF_FEEDBACK)
    live, now = request.app.state.live, request.app.state.live.clock()
    actor = anonymous_actor(anonymous_id)
    await live.budget.act(lambda: asyncio.to_thread(live.store.withdraw, actor, to_ms(now)))
    event = {"kind": "consent_withdrawn", "site": own_site(live.settings), "anonymous_id": anonymous_id,
             "consent": "measure"}  # fmt: skip
    await asyncio.to_thread(request.app.state.recorder.record, event, "", now)


@router.post("/portal/mode")
async def mode(request: Request) -> Response:
    """Switch personalisation off or on; the very next page obeys."""
    return await _chosen(request, _set_mode)


@router.post("/portal/elder")
async def elder(request: Request) -> Response:
    """Switch the large-type pages on or off."""
    return await _chosen(request, _set_elder)


async def _chosen(request: Request, act: Any) -> Response:
    try:
        fields = await form_of(request, request.app.state.live.settings)
        answer = RedirectResponse(safe_next(fields.get("next", "")), status_code=303)
        act(request, answer, fields)
    except InvalidInput as error:
        return render_message(request, 422, "无法处理这次提交", str(error))
    return answer


def _set_consent(request: Request, answer: Response, fields: dict[str, str]) -> None:
    set_choice(request, answer, fields.get("choice", ""))


def set_choice(request: Request, answer: Response, choice: str) -> None:
    """Keep a choice of consent in the visitor's cookies.

    Raises
    ------
    InvalidInput
        If it is none of those there are.
    """
    if choice not in ("none", "measure", "personalise"):
        raise InvalidInput(f"got choice {choice!r}; expected none, measure or personalise")
    if refuses(request.headers.raw):
        choice = "none"  # what the browser says holds, here as at the collector
    _keep(request, answer, CONSENT_COOKIE, choice)
    answer.delete_cookie(MODE_COOKIE, path="/")  # a fresh choice says again what may be used
    if choice == "none":
        answer.delete_cookie(ID_COOKIE, path="/")
    else:
        # The tracker reads the id from the page, so this cookie alone is open to scripts.
        _keep(request, answer, ID_COOKIE, visitor_on(request).anonymous_id or new_anonymous_id(), script=True)


def _set_mode(request: Request, answer: Response, fields: dict[str, str]) -> None:
    wanted = fields.get("mode", "")
    if wanted not in ("general", "personalised"):
        raise InvalidInput(f"got mode {wanted!r}; expected general or personalised")
    _keep(request, answer, MODE_COOKIE, wanted)


def _set_elder(request: Request, answer: Response, fields: dict[str, str]) -> None:
    _keep(request, answer, ELDER_COOKIE, "1" if fields.get("elder") == "1" else "0")


def _keep(request: Request, answer: Response, name: str, value: str, *, script: bool = False) -> None:
    secure = is_https(request)
    answer.set_cookie(name, value, max_age=MAX_AGE_S, path="/", samesite="lax", httponly=not script, secure=secure)
