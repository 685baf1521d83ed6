"""我的推荐设置: the switch, what was agreed to, and the tags that lists use, each with its ground, to delete or choose.

In: a form. Out: the page, which says what was done. Works without JavaScript; the next list obeys.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from civicrec.errors import InvalidInput, Unavailable
from civicrec.events import anonymous_actor
from civicrec.registry.choices import PERSONALISE
from civicrec.web.guard import charge
from civicrec.web.signals import refuses
from profiles.tags import load_vocabulary
from serving.consents import Consents, MyConsents
from serving.decisions import LISTS_OF_A_DECISION, Decisions
from serving.feedback import LISTS_OF_FEEDBACK
from serving.forms import form_of
from serving.me import OwnTags
from serving.portal.choices import respondent_of, set_choice
from serving.portal.render import render, render_message, visitor_on

router = APIRouter(include_in_schema=False)
PATH = "/portal/settings"
#: What the vocabulary's dimensions are called on the page.
DIMENSION_NAMES = {
    "theme": "主题",
    "life_event": "人生事件",
    "audience": "服务对象",
    "group": "人群",
    "industry": "行业",
    "scale": "企业规模",
}
#: What purposes and states are called; a purpose of the portal's own is shown by its word.
PURPOSE_NAMES = {"personalise": "个性化推荐", "push": "消息推送"}
STATE_NAMES = {
    "none": "尚无记录",
    "given": "已同意",
    "outdated": "告知内容有增加，原同意不再有效",
    "refused": "不同意",
    "withdrawn": "已撤回",
}
_ANSWERED = {"agree": "已同意，从下一个列表起生效。", "withdraw": "已撤回，从下一个列表起生效。"}
_DONE = {"delete": "已删除，不会再用于推荐。", "choose": "已添加，从下一个列表起用于推荐。"}


@router.get(PATH)
async def settings_page(request: Request, done: str = "") -> Response:
    """Show the switch, the tags and what they rest on; without an id there is nothing to show but the choice."""
    visitor = visitor_on(request)
    tags: OwnTags | None = None
    agreed: MyConsents | None = None
    try:
        if visitor.anonymous_id and _consents(request).notice.version:
            agreed = await _consents(request).of(anonymous_actor(visitor.anonymous_id), "")
        if visitor.anonymous_id and visitor.choice == "personalise":
            tags = await _decisions(request).tags(anonymous_actor(visitor.anonymous_id))
    except Unavailable:
        return render_message(request, 503, "暂时无法查看", "系统繁忙，您的设置没有改变，请稍后再试。")
    known = {one.tag for one in tags.tags} if tags else set()
    offered = [
        (title, [tag for tag in load_vocabulary().tags.values() if tag.dimension == dimension and tag.inferable
                 and tag.name not in known])
        for dimension, title in DIMENSION_NAMES.items()
    ]  # fmt: skip
    return render(
        request, "settings.html", tags=tags, offered=offered, done=(_DONE | _ANSWERED).get(done, ""),
        dimensions=DIMENSION_NAMES, agreed=agreed, asked=_consents(request).notice.purposes, states=STATE_NAMES,
        purposes=PURPOSE_NAMES,
    )  # fmt: skip


@router.post(f"{PATH}/consents")
async def answer(request: Request) -> Response:
    """Agree to a purpose of the notice that was shown, or take it back; the cookies follow, and the next list."""
    visitor = visitor_on(request)
    try:
        fields = await form_of(request, request.app.state.live.settings)
        act, purpose = fields.get("act", ""), fields.get("purpose", "")
        if act not in _ANSWERED:
            raise InvalidInput(f"got act {act!r}; expected agree or withdraw")
        if not visitor.anonymous_id:
            raise InvalidInput("there is nothing to answer without consent to statistics or more; choose that first")
        if act == "agree" and refuses(request.headers.raw):
            raise InvalidInput("the browser sends Sec-GPC or DNT, which holds; expected it to be switched off first")
        charge(request.scope, LISTS_OF_A_DECISION + LISTS_OF_FEEDBACK)
        await _consents(request).answer(
            respondent_of(request, visitor.anonymous_id), purpose, fields.get("version", ""), "web",
            is_given=act == "agree",
        )  # fmt: skip
    except InvalidInput as error:
        return render_message(request, 422, "无法处理这次提交", str(error))
    except Unavailable:
        return render_message(request, 503, "没有保存", "系统繁忙，请稍后再试。")
    done = RedirectResponse(f"{PATH}?done={act}", status_code=303)
    if purpose == PERSONALISE:
        set_choice(request, done, "personalise" if act == "agree" else "measure")
    return done


@router.post(f"{PATH}/tags")
async def decide(request: Request) -> Response:
    """Delete or choose a tag."""
    visitor = visitor_on(request)
    try:
        fields = await form_of(request, request.app.state.live.settings)
        act, tag = fields.get("act", ""), fields.get("tag", "")
        if act not in _DONE:
            raise InvalidInput(f"got act {act!r}; expected delete or choose")
        if not visitor.anonymous_id or visitor.choice != "personalise":
            raise InvalidInput("there is nothing to decide without consent to personalised lists")
        charge(request.scope, LISTS_OF_A_DECISION)
        decisions, actor = _decisions(request), anonymous_actor(visitor.anonymous_id)
        await (decisions.delete if act == "delete" else decisions.choose)(actor, tag)
    except InvalidInput as error:
        return render_message(request, 422, "无法处理这次提交", str(error))
    except Unavailable:
        return render_message(request, 503, "没有保存", "系统繁忙，请稍后再试。")
    return RedirectResponse(f"{PATH}?done={act}", status_code=303)


def _consents(request: Request) -> Consents:
    consents: Consents = request.app.state.consents
    return consents


def _decisions(request: Request) -> Decisions:
    decisions: Decisions = request.app.state.decisions
    return decisions
