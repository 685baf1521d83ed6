"""我的推荐设置: the switch, consents, tags, what one said of oneself, copy, erasure and complaint, on one page.

In: who looks. Out: the page, which says what was done or what is wrong. Works without JavaScript; the next list obeys.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from civicrec.errors import InvalidInput, Unavailable
from civicrec.events import anonymous_actor
from profiles.tags import load_vocabulary
from serving.api.attributes import declared_of
from serving.api.erasures import requests_of
from serving.api.inbox import subscriptions_held
from serving.consents import Consents, Respondent
from serving.decisions import Decisions
from serving.portal.form_key import Fields, own_fields
from serving.portal.mine.attribute_forms import fields_of
from serving.portal.mine.faults import FormError
from serving.portal.mine.words import (
    CHANNEL_NAMES,
    DIMENSION_NAMES,
    DONE,
    ERASURE_STATE_NAMES,
    KIND_NAMES,
    PURPOSE_NAMES,
    STATE_NAMES,
    STORE_NAMES,
)
from serving.portal.render import render, render_message, visitor_on
from serving.portal.visitor import Visitor
from serving.schemas import own_site

router = APIRouter(include_in_schema=False)
PATH = "/portal/settings"


@router.get(PATH)
async def settings_page(request: Request, done: str = "") -> Response:
    """Show where the visitor stands; of one without an id there is little to show but the choice."""
    return await shown(request, done=DONE.get(done, ""))


async def shown(
    request: Request, status: int = 200, *, done: str = "", fault: FormError | None = None, typed: Fields = ()
) -> Response:
    """Return the page.

    Parameters
    ----------
    done
        What was done, as the page says it.
    fault, typed
        What is wrong in a form that was sent, and what stood in it.
    """
    visitor = visitor_on(request)
    try:
        facts = await _facts(request, visitor, typed)
    except Unavailable:
        return render_message(request, 503, "暂时无法查看", "系统繁忙，您的设置没有改变，请稍后再试。")
    return render(
        request, "settings.html", status, done=done, fault=fault, typed=dict(typed), dimensions=DIMENSION_NAMES,
        states=STATE_NAMES, purposes=PURPOSE_NAMES, kinds=KIND_NAMES, erasure_states=ERASURE_STATE_NAMES,
        stores=STORE_NAMES, **facts,
    )  # fmt: skip


async def _facts(request: Request, visitor: Visitor, typed: Fields) -> dict[str, Any]:
    consents, decisions = consents_of(request), decisions_of(request)
    account, actor = visitor.account, visitor.actor
    is_learned = visitor.choice == "personalise" and bool(actor)
    tags = await decisions.tags(actor) if is_learned else None
    known = {one.tag for one in tags.tags} if tags else set()
    offered = [
        (title, [tag for tag in load_vocabulary().tags.values() if tag.dimension == dimension and tag.inferable
                 and tag.name not in known])
        for dimension, title in DIMENSION_NAMES.items()
    ]  # fmt: skip
    is_off = account is not None and (await decisions.of(actor)).off_since is not None
    may_declare = account is not None and not account.is_minor
    return {
        "is_on": visitor.mode == "personalised" and not is_off,
        "tags": tags,
        "offered": offered,
        "agreed": await consents.of(actor, own_site(request.app.state.live.settings))
        if actor and consents.notice.version
        else None,
        "asked": consents.notice.purposes,
        "attributes": fields_of(await declared_of(request).of(actor), typed) if may_declare else None,
        "pushes": await subscriptions_held(request, actor) if account else None,
        "topics": topics(),
        "channels": CHANNEL_NAMES,
        "erasures": await requests_of(request, actor) if account else None,
    }


async def act(
    request: Request, do: Callable[[Visitor, Fields], Awaitable[str | Response]], where: str = PATH
) -> Response:
    """Do what a form asks, then lead to a page that says so; or show the form again with what is wrong.

    Parameters
    ----------
    do
        Takes the visitor and the fields; returns what was done, a word of `DONE`, or an answer of its own.
    """
    fields: Fields = ()
    visitor = visitor_on(request)
    try:
        fields = await own_fields(request, visitor)
        done = await do(visitor, fields)
    except FormError as error:
        return await shown(request, 422, fault=error, typed=fields)
    except InvalidInput as error:
        return render_message(request, 422, "无法处理这次提交", f"未做任何更改，请返回页面重新提交。（{error}）")
    except Unavailable:
        return render_message(request, 503, "没有保存", "系统繁忙，请稍后再试。")
    return done if isinstance(done, Response) else RedirectResponse(f"{where}?done={done}", status_code=303)


def topics() -> list[str]:
    """Return the themes that pushes may be of."""
    return [tag.word for tag in load_vocabulary().tags.values() if tag.dimension == "theme"]


def respondent_of(request: Request, visitor: Visitor) -> Respondent:
    """Return who answers: the account that is signed in, else the browser.

    Raises
    ------
    InvalidInput
        If neither is known.
    """
    site, account = own_site(request.app.state.live.settings), visitor.account
    if account:
        return Respondent(account.actor, site, account.token)
    if not visitor.anonymous_id:
        raise InvalidInput("there is nothing to decide without consent to statistics or more; choose that first")
    return Respondent(anonymous_actor(visitor.anonymous_id), site, anonymous_id=visitor.anonymous_id)


def consents_of(request: Request) -> Consents:
    """Return what takes and tells answers."""
    consents: Consents = request.app.state.consents
    return consents


def decisions_of(request: Request) -> Decisions:
    """Return what takes and tells decisions."""
    decisions: Decisions = request.app.state.decisions
    return decisions
