"""同意记录: agreeing to a purpose of the notice, and taking it back."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from civicrec.errors import InvalidInput
from civicrec.registry.choices import PERSONALISE
from civicrec.web.guard import charge
from civicrec.web.signals import refuses
from serving.decisions import LISTS_OF_A_DECISION
from serving.feedback import LISTS_OF_FEEDBACK
from serving.portal.choices import set_choice
from serving.portal.form_key import Fields
from serving.portal.mine.page import PATH, act, consents_of, respondent_of
from serving.portal.visitor import Visitor

router = APIRouter(include_in_schema=False)


@router.post(f"{PATH}/consents")
async def answer(request: Request) -> Response:
    """Agree to a purpose of the notice that was shown, or take it back; the cookies follow, and the next list."""

    async def do(visitor: Visitor, fields: Fields) -> Response:
        given = dict(fields)
        what, purpose = given.get("act", ""), given.get("purpose", "")
        if what not in ("agree", "withdraw"):
            raise InvalidInput(f"got act {what!r}; expected agree or withdraw")
        respondent = respondent_of(request, visitor)
        if what == "agree" and refuses(request.headers.raw):
            raise InvalidInput("the browser sends Sec-GPC or DNT, which holds; expected it to be switched off first")
        charge(request.scope, LISTS_OF_A_DECISION + LISTS_OF_FEEDBACK)
        await consents_of(request).answer(
            respondent, purpose, given.get("version", ""), "web", is_given=what == "agree"
        )
        done = RedirectResponse(f"{PATH}?done={what}", status_code=303)
        if purpose == PERSONALISE:
            set_choice(request, done, "personalise" if what == "agree" else "measure")
        return done

    return await act(request, do)
