"""The console over HTTP: each page and each form with what it needs; they are made in a process of their own.

In: requests. Out: what the named function of `serving.console` makes, for who may.
"""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from civicrec.errors import InvalidInput
from civicrec.logs import get_logger
from civicrec.permissions import Action, Resource
from civicrec.security.session_ids import is_form_token
from serving.console.answering import HEADERS, made_page
from serving.console.cookies import SESSION, cookie_of
from serving.console.permission import Needs, open_to_all
from serving.console.sign_in import NOT_FROM_HERE
from serving.console.viewer import Viewer
from serving.forms import fields_of

router = APIRouter(include_in_schema=False)
log = get_logger(__name__)

#: A hundred ticked rows of the longest ids, and a reply of 2 000 characters, as browsers write them.
MAX_FORM_BYTES = 1 << 18


class Made(NamedTuple):
    """A page or form: its path under ``/console``, the function that makes the answer, and what it needs."""

    path: str
    by: str
    resource: Resource
    action: Action


PAGES = (
    Made("/", "items_page", "reports", "see"),
    Made("/items.csv", "items_csv", "reports", "export"),
    Made("/worth", "worth_page", "reports", "see"),
    Made("/worth.csv", "worth_csv", "reports", "export"),
    Made("/segments", "segments_page", "segments", "see"),
    Made("/rules", "rules_page", "editorial", "see"),
    Made("/tags", "tags_page", "tags", "see"),
    Made("/complaints", "complaints_page", "rights", "see"),
    Made("/users", "users_page", "users", "see"),
    Made("/account", "account_page", "account", "see"),
)
FORMS = (
    Made("/rules", "change_rules", "editorial", "change"),
    Made("/tags", "decide_tags", "tags", "change"),
    Made("/complaints", "answer_complaint", "rights", "change"),
    Made("/users", "change_user", "users", "change"),
    Made("/account", "change_account", "account", "change"),
)


def _add_page(made: Made) -> None:
    @router.get(made.path, name=made.by)
    def show(request: Request, viewer: Viewer = Depends(Needs(made.resource, made.action))) -> Response:
        return made_page(request, made.by, dict(request.query_params), viewer)


def _add_form(made: Made) -> None:
    @router.post(made.path, name=made.by)
    async def do(request: Request, viewer: Viewer = Depends(Needs(made.resource, made.action))) -> Response:
        try:
            fields = await fields_of(request, request.app.state.settings, MAX_FORM_BYTES)
            if not is_form_token(dict(fields).get("token", ""), cookie_of(request, SESSION)):
                raise InvalidInput("got a form without its session's token; expected the one of the page")
        except InvalidInput as error:
            log.warning("console_form_refused", page=made.by, error=str(error))
            return PlainTextResponse(NOT_FROM_HERE, 403, HEADERS)
        return await run_in_threadpool(made_page, request, made.by, fields, viewer)


for _made in PAGES:
    _add_page(_made)
for _made in FORMS:
    _add_form(_made)


@router.get("/static/console.css", dependencies=[Depends(open_to_all)])
def style() -> Response:
    """Serve the style sheet."""
    text = resources.files("serving.console").joinpath("static/console.css").read_text(encoding="utf-8")
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=300"})
