"""我的信息: saying something of oneself, changing it, taking it back, and deleting it with its history."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from civicrec.clock import local_date
from civicrec.errors import InvalidInput
from civicrec.web.guard import charge
from profiles.rights.attributes import Contradiction
from profiles.rules.attributes import load_attributes
from serving.api.attributes import declared_of
from serving.decisions import LISTS_OF_A_DECISION
from serving.portal.form_key import Fields
from serving.portal.mine.attribute_forms import said_in
from serving.portal.mine.faults import FormError
from serving.portal.mine.page import PATH, act
from serving.portal.visitor import Visitor

router = APIRouter(include_in_schema=False)


@router.post(f"{PATH}/attributes")
async def change(request: Request) -> Response:
    """Save, take back or delete one attribute of who is signed in."""

    async def do(visitor: Visitor, fields: Fields) -> str:
        given = dict(fields)
        what, name = given.get("act", ""), given.get("attribute", "")
        if visitor.account is None or visitor.account.is_minor:
            raise InvalidInput("got no account of an adult; expected a visitor who is signed in")
        if name not in load_attributes():
            raise InvalidInput(f"got attribute {name[:40]!r}; expected one of {', '.join(load_attributes())}")
        actor, declared = visitor.account.actor, declared_of(request)
        charge(request.scope, LISTS_OF_A_DECISION)
        match what:
            case "save":
                said = said_in(load_attributes()[name], fields, local_date(request.app.state.live.clock()))
                try:
                    await declared.say(actor, said.values, consents=said.consents, valid_until=said.valid_until)
                except Contradiction as error:
                    raise FormError(name, error.says) from None
                return "saved"
            case "end":
                await declared.say(actor, {name: None})
                return "ended"
            case "forget":
                await declared.forget(actor, name)
                return "forgotten"
        raise InvalidInput(f"got act {what!r}; expected save, end or forget")

    return await act(request, do)
