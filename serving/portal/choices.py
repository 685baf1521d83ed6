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
        for one in respondents(request, _kept(answer, ID_COOKIE)):
            await enter_answer(request, one, is_given=True)
    if gives_up and before.anonymous_id:
        for one in respondents(request, before.anonymous_id):
            is_entered = has_notice and await enter_answer(request, one, is_given=False)
            if not is_entered:
                await _withdraw(request, one)
    return answer


async def enter_answer(request: Request, respondent: Respondent, *, is_given: bool) -> bool:
    """Enter what was chosen in the ledger; return whether that could be done."""
    charge(request.scope, LISTS_OF_A_DECISION)
    consents: Consents = request.app.state.consents
    with suppress(Unavailable, InvalidInput):  # away, or this browser fills the ledger
        await consents.answer(respondent, PERSONALISE, consents.notice.version, "web", is_given=is_given)
        return True
    return False


def respondents(request: Request, anonymous_id: str) -> list[Respondent]:
    """Return for whom the banner is answered: the browser, and who is signed in there."""
    site, account = own_site(request.app.state.live.settings), visitor_on(request).account
    browser = Respondent(anonymous_actor(anonymous_id), site, anonymous_id=anonymous_id)
    return [browser, *([Respondent(account.actor, site, account.token)] if account else [])]


def _kept(answer: Response, name: str) -> str:
    """Return the value that an answer sets for a cookie, empty if it sets none."""
    cookies = SimpleCookie()
    for line in answer.headers.getlist("set-cookie"):
        cookies.load(line)
    return cookies[name].value if name in cookies else ""


async def _withdraw(request: Request, one: Respondent) -> None:
    """End what the visitor is known by, now in the online store and by an event for good."""
    charge(request.scope, LISTS_OF_FEEDBACK)
    live, now = request.app.state.live, request.app.state.live.clock()
    await live.budget.act(lambda: asyncio.to_thread(live.store.withdraw, one.actor, to_ms(now)))
    event = {"kind": "consent_withdrawn", "site": one.site, "consent": "measure"}
    if one.anonymous_id:
        event["anonymous_id"] = one.anonymous_id
    await asyncio.to_thread(request.app.state.recorder.record, event, one.token, now)


@router.post("/portal/mode")
async def mode(request: Request) -> Response:
    """Switch personalisation off or on, for who is signed in everywhere; the very next page obeys."""
    answer, account = await _chosen(request, _set_mode), visitor_on(request).account
    wanted = _kept(answer, MODE_COOKIE)
    if not (wanted and account):
        return answer
    charge(request.scope, LISTS_OF_A_DECISION)
    try:
        await request.app.state.decisions.switch(account.actor, on=wanted == "personalised")
    except Unavailable:
        return render_message(request, 503, "没有保存", "系统繁忙，请稍后再试。")
    return answer


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
    keep_cookie(request, answer, CONSENT_COOKIE, choice)
    answer.delete_cookie(MODE_COOKIE, path="/")  # a fresh choice says again what may be used
    if choice == "none":
        answer.delete_cookie(ID_COOKIE, path="/")
    else:
        # The tracker reads the id from the page, so this cookie alone is open to scripts.
        keep_cookie(request, answer, ID_COOKIE, visitor_on(request).anonymous_id or new_anonymous_id(), script=True)


def _set_mode(request: Request, answer: Response, fields: dict[str, str]) -> None:
    wanted = fields.get("mode", "")
    if wanted not in ("general", "personalised"):
        raise InvalidInput(f"got mode {wanted!r}; expected general or personalised")
    keep_cookie(request, answer, MODE_COOKIE, wanted)


def _set_elder(request: Request, answer: Response, fields: dict[str, str]) -> None:
    keep_cookie(request, answer, ELDER_COOKIE, "1" if fields.get("elder") == "1" else "0")


def keep_cookie(
    request: Request, answer: Response, name: str, value: str, *, script: bool = False, max_age_s: int = MAX_AGE_S
) -> None:
    """Keep something in the visitor's browser, for pages of this portal; `script` where the tracker reads it, too."""
    secure = is_https(request)
    answer.set_cookie(name, value, max_age=max_age_s, path="/", samesite="lax", httponly=not script, secure=secure)
