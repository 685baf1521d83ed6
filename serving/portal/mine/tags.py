"""用于推荐的标签: choosing one, deleting one, and saying that one is wrong."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from civicrec.errors import InvalidInput
from civicrec.web.guard import charge
from serving.api.disputes import dispute
from serving.decisions import LISTS_OF_A_DECISION
from serving.portal.form_key import Fields
from serving.portal.mine.complaints import MAX_WORDS, receipt_path
from serving.portal.mine.faults import FormError
from serving.portal.mine.page import PATH, act, decisions_of, respondent_of
from serving.portal.visitor import Visitor

router = APIRouter(include_in_schema=False)


@router.post(f"{PATH}/tags")
async def decide(request: Request) -> Response:
    """Delete or choose a tag, or dispute it: it is deleted then as well, and somebody looks into it."""

    async def do(visitor: Visitor, fields: Fields) -> str | Response:
        given = dict(fields)
        what, tag = given.get("act", ""), given.get("tag", "")
        if what not in ("delete", "choose", "dispute"):
            raise InvalidInput(f"got act {what!r}; expected delete, choose or dispute")
        if visitor.choice != "personalise":
            raise InvalidInput("there is nothing to decide without consent to personalised lists")
        who = respondent_of(request, visitor)
        if what == "dispute":
            if len(words := given.get("text", "").strip()) > MAX_WORDS:
                raise FormError(f"why-{tag}", f"说明有 {len(words)} 字，请不要超过 {MAX_WORDS} 字。")
            made = await dispute(request, who, tag, words)
            return RedirectResponse(receipt_path(made.receipt, is_new=True), status_code=303)
        charge(request.scope, LISTS_OF_A_DECISION)
        decisions = decisions_of(request)
        await (decisions.delete if what == "delete" else decisions.choose)(who.actor, tag)
        return what

    return await act(request, do)
