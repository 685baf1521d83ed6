"""``/v1/items``: the catalogue for servers with a site's API key: read, put, patched, withdrawn, imported, followed.

In: items as JSON. Out: items as they are kept, with their entity tags; of many, what became of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from io import BytesIO

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Engine
from starlette.convertors import Convertor, register_url_convertor

from civicrec.clock import utc_now
from civicrec.errors import InvalidInput
from civicrec.items import Item, ItemId
from civicrec.json_files import objects_in
from civicrec.publishing import one_item
from civicrec.publishing.conditions import Condition, etag_of, is_named
from civicrec.publishing.following import items_after
from civicrec.publishing.imports import import_items
from civicrec.web.calls import JSON, Answer, Body, Call, Security, describes, refused
from profiles.rules.language import rule_from
from serving.answers import json_answer
from serving.item_shapes import (
    GUIDE,
    POLICY,
    ChangedItem,
    ChangeQuery,
    ImportAnswer,
    ImportQuery,
    ItemChanges,
    ItemFields,
    ItemsAnswer,
    ItemsQuery,
    KeptItem,
    RowFault,
)
from serving.publisher import ITEMS_PATH, Publisher
from serving.query import TOO_MANY, NoQuery, query_of

router = APIRouter(tags=["catalogue"])
_GZIP = b"\x1f\x8b"


class _ItemId(Convertor[str]):
    """An id in an address, slashes and all; what ends in ``/related`` is another address."""

    regex = ".+(?<!/related)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("item_id", _ItemId())
_ONE_ITEM = f"{ITEMS_PATH}/{{item_id:item_id}}"

_LOCKED = {"If-Match": "only if the item has this entity tag", "If-None-Match": "* makes only what is not there"}
_NO_KEY = refused(
    s401="no API key of a configured site", s403="the key lacks the scope catalogue",
    s422="a parameter or field, named", s429=TOO_MANY, s503="the registry is away",
)  # fmt: skip
_BODY_REFUSED = refused(
    s400="a body cut off", s408="a body too slow", s413="a body of more than 1 MiB, 32 MiB for rows"
)
_CHANGE_REFUSED = _NO_KEY | _BODY_REFUSED | refused(
    s404="no such item", s409="the id is another document's, or was erased",
    s412="If-Match or If-None-Match does not hold",
)  # fmt: skip
_ETAG = {"ETag": "entity tag of the item"}
_ITEM = {"item_id": ItemId}
_KEY: tuple[Security, ...] = ("api_key",)


def _changing(body: Body | None) -> Call:
    return Call(
        {200: Answer("as it is kept", ChangedItem, headers=_ETAG), **_CHANGE_REFUSED},
        ChangeQuery, _ITEM, body, _LOCKED, _KEY, is_open=False,
    )  # fmt: skip


@router.get(ITEMS_PATH)
@describes(Call({200: Answer("the next ones", ItemsAnswer), **_NO_KEY}, ItemsQuery, security=_KEY, is_open=False))
async def get_items(request: Request) -> Response:
    """Return items of any status in the order in which they last changed, so that a copy can follow."""
    publisher, _ = _let_in(request)
    query = query_of(request, ItemsQuery)
    found = await publisher.write(lambda registry: items_after(registry, query.cursor, query.n, query.updated_since))
    kept = [KeptItem(item, etag_of(item)) for item in found.items]
    return json_answer(msgspec.json.encode(ItemsAnswer(kept, found.cursor, found.has_more)))


@router.post(ITEMS_PATH)
@describes(
    Call(
        {
            200: Answer("what became of each row", ImportAnswer),
            **_NO_KEY,
            **_BODY_REFUSED,
            **refused(s415="a packed body"),
        },
        ImportQuery,
        body=Body(
            {"application/json": list[Item], "application/x-ndjson": Item},
            {"两条": [POLICY, GUIDE | {"item_id": "g-1"}]},
        ),
        security=_KEY,
        is_open=False,
    )
)
async def post_items(request: Request) -> Response:
    """Take many items, a JSON object a line; the good rows land, every bad one is answered with its line and reason."""
    publisher, who = _let_in(request)
    query = query_of(request, ImportQuery)
    body = await request.body()
    if body.startswith(_GZIP) or request.headers.get("content-encoding", "identity") != "identity":
        raise _Packed("the body is packed; send it as it is, up to 32 MiB at once")
    why, now = query.why or f"POST {ITEMS_PATH}", utc_now()

    def act(registry: Engine) -> ImportAnswer:
        done = import_items(
            registry, objects_in(BytesIO(body)), query.format, who=who, why=why, now=now, check=rule_from
        )
        faults = ([RowFault(row.line, row.reason) for row in rows] for rows in (done.bad, done.notes))
        return ImportAnswer(done.rows, done.kept.added, done.kept.changed, done.kept.unchanged, *faults)

    async with publisher.importing():
        answer = await publisher.write(act)
    if not answer.rows:
        raise InvalidInput("the body holds no rows; expected one JSON object a line")
    for what in ("added", "changed", "unchanged"):
        publisher.counted(what, getattr(answer, what))
    publisher.counted("bad", len(answer.bad))
    return json_answer(msgspec.json.encode(answer))


@router.get(_ONE_ITEM)
@describes(
    Call(
        {
            200: Answer("the item", KeptItem, headers=_ETAG),
            304: Answer("it is as you know it", media="", headers=_ETAG),
            **_NO_KEY,
            **refused(s404="no such item"),
        },
        NoQuery,
        _ITEM,
        None,
        {"If-None-Match": "entity tag of what is known"},
        _KEY,
        is_open=False,
    )
)
async def get_item(request: Request, item_id: str) -> Response:
    """Return an item of any status; ``If-None-Match`` spares an answer that is known."""
    publisher, _ = _let_in(request)
    query_of(request, NoQuery)
    item = await publisher.write(lambda registry: one_item.kept_item(registry, item_id))
    if (known := request.headers.get("if-none-match")) and is_named(item, known):
        return Response(status_code=304, headers={"ETag": etag_of(item), "Cache-Control": "private, no-store"})
    return _tagged(msgspec.json.encode(KeptItem(item, etag_of(item))), item)


@router.put(_ONE_ITEM)
@describes(
    replace(
        _changing(Body({JSON: ItemFields}, {"政策": POLICY, "an English draft": GUIDE})),
        answers={
            **_changing(None).answers,
            201: Answer("made", ChangedItem, headers=_ETAG),
        },
    )
)
async def put_item(request: Request, item_id: str) -> Response:
    """Make an item what the body says. One that was withdrawn stays so until it is patched to another `status`."""
    return await _change(request, item_id, partial(one_item.put_item, check=rule_from))


@router.patch(_ONE_ITEM)
@describes(
    _changing(
        Body(
            {JSON: ItemChanges},
            {"标题": {"title": "关于促进新能源汽车消费的通知（修订）"}, "bring back": {"status": "online"}},
        )
    )
)
async def patch_item(request: Request, item_id: str) -> Response:
    """Change the fields that the body names (JSON Merge Patch); a `status` also brings back what was withdrawn."""
    return await _change(request, item_id, partial(one_item.patch_item, check=rule_from))


@router.delete(_ONE_ITEM)
@describes(_changing(None))
async def withdraw_item(request: Request, item_id: str) -> Response:
    """Withdraw an item: it leaves every list within a second, and its history stays."""

    def withdraw(
        registry: Engine, item_id: str, _: bytes, condition: Condition, *, who: str, why: str, now: datetime
    ) -> one_item.Published:
        return one_item.withdraw_item(registry, item_id, condition, who=who, why=why, now=now)

    return await _change(request, item_id, withdraw)


async def _change(request: Request, item_id: str, change: Callable[..., one_item.Published]) -> Response:
    publisher, who = _let_in(request)
    query = query_of(request, ChangeQuery)
    headers, body = request.headers, await request.body()
    condition = Condition(headers.get("if-match", ""), headers.get("if-none-match", ""))
    why, now = query.why or f"{request.method} {ITEMS_PATH}", utc_now()
    done = await publisher.write(lambda registry: change(registry, item_id, body, condition, who=who, why=why, now=now))
    publisher.counted(done.change, 1)
    answer = ChangedItem(done.item, etag_of(done.item), done.change, done.notes)
    return _tagged(msgspec.json.encode(answer), done.item, 201 if done.change == "added" else 200)


def _let_in(request: Request) -> tuple[Publisher, str]:
    publisher: Publisher = request.app.state.publisher
    return publisher, publisher.who(request.headers.raw)


def _tagged(body: bytes, item: Item, status: int = 200) -> Response:
    answer = json_answer(body, status)
    answer.headers["ETag"] = etag_of(item)
    return answer


class _Packed(InvalidInput):
    """The body is packed: what it unpacks to has no bound."""

    http_status = 415
