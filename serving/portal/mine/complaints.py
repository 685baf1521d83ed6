"""投诉: a form that needs no account, and by its receipt what became of it and until when it is answered."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from civicrec.clock import local_date
from civicrec.errors import NotFound, Unavailable
from civicrec.registry.complaints import MAX_TEXT, complaint
from civicrec.text import printable
from civicrec.web.guard import charge
from serving.api.complaints import LISTS_OF_A_COMPLAINT, complain
from serving.portal.form_key import Fields
from serving.portal.mine.faults import FormError
from serving.portal.mine.page import PATH, act
from serving.portal.mine.words import KIND_NAMES
from serving.portal.render import render, render_message
from serving.portal.visitor import Visitor
from serving.schemas import own_site

router = APIRouter(include_in_schema=False)
#: Of a dispute its tag is written beside the words.
MAX_WORDS = MAX_TEXT - 100


def receipt_path(receipt: str, *, is_new: bool = False) -> str:
    """Return the address of what became of a complaint."""
    return f"{PATH}/complaints?" + urlencode({"receipt": receipt} | ({"done": "sent"} if is_new else {}))


@router.post(f"{PATH}/complaints")
async def send(request: Request) -> Response:
    """Keep a complaint, and show its receipt."""

    async def do(_: Visitor, fields: Fields) -> Response:
        given = dict(fields)
        kind, words = given.get("kind", ""), printable(given.get("text", "")).strip()
        if kind not in KIND_NAMES:
            raise FormError("complaint-kind", "请选择投诉事项。")
        if not words:
            raise FormError("complaint-text", "请写明投诉内容。")
        if len(words) > MAX_WORDS:
            raise FormError("complaint-text", f"内容有 {len(words)} 字，请不要超过 {MAX_WORDS} 字。")
        charge(request.scope, LISTS_OF_A_COMPLAINT)
        made = await complain(request, own_site(request.app.state.live.settings), kind, words)  # type: ignore[arg-type]
        return RedirectResponse(receipt_path(made.receipt, is_new=True), status_code=303)

    return await act(request, do)


@router.get(f"{PATH}/complaints")
async def receipt_page(request: Request, receipt: str = "", done: str = "") -> Response:
    """Say what became of a complaint."""
    charge(request.scope, LISTS_OF_A_COMPLAINT)
    given = receipt.strip().upper()[:40]
    try:
        found = await request.app.state.registry.do(lambda engine: complaint(engine, given))
    except NotFound:
        fault = FormError("receipt", "没有查到这个回执编号，请核对后重新填写。")
        return render(request, "complaint.html", 404, found=None, fault=fault, receipt=given)
    except Unavailable:
        return render_message(request, 503, "暂时无法查看", "系统繁忙，请稍后再试。")
    today = local_date(request.app.state.live.clock())
    return render(
        request, "complaint.html", found=found, kind=KIND_NAMES[found.kind], is_overdue=found.is_overdue(today),
        is_new=done == "sent", fault=None,
    )  # fmt: skip
