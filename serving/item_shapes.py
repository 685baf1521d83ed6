"""Items over HTTP as structs: what ``/v1/items`` reads and answers, with examples.

In: nothing. Out: types, for the routes, for the OpenAPI document and for who decodes an answer.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from civicrec.items import Item, Time
from civicrec.registry.catalogue import Change

Why = Annotated[str, msgspec.Meta(max_length=500, description="reason, kept in the audit")]


class ChangeQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a change."""

    why: Why = ""


class ImportQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of an import."""

    format: Annotated[
        Literal["civicrec", "zwfw-services", "gov-policies", "feed-entries"],
        msgspec.Meta(description="what the rows look like"),
    ] = "civicrec"
    why: Why = ""


class ItemsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a copy that follows the catalogue."""

    updated_since: Annotated[
        Time | None, msgspec.Meta(description="only items that changed at this time or later; with offset")
    ] = None
    cursor: Annotated[str, msgspec.Meta(description="`cursor` of the answer before, also one of last week")] = ""
    n: Annotated[int, msgspec.Meta(ge=1, le=1_000, description="items of an answer at most")] = 100


def _item_without(name: str, text: str, required: frozenset[str]) -> type[msgspec.Struct]:
    """Return the struct of an item's fields of which only these must be given: the id stands in the address."""
    fields: list[Any] = [
        (field.name, field.type)
        if field.name in required
        else (field.name, field.type | msgspec.UnsetType, msgspec.UNSET)
        for field in msgspec.structs.fields(Item)
    ]  # fmt: skip
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True, namespace={"__doc__": text})


ItemFields = _item_without("ItemFields", "An item that is put.", frozenset({"item_type", "title"}))
ItemChanges = _item_without("ItemChanges", "The fields of an item that change.", frozenset())


class KeptItem(msgspec.Struct):
    """An item, and its entity tag for ``If-Match``."""

    item: Item
    etag: str


class ChangedItem(msgspec.Struct):
    """An item as it is kept after a change."""

    item: Item
    etag: str
    change: Change
    notes: Annotated[list[str], msgspec.Meta(description="what of it could not be kept as it came")]


class RowFault(msgspec.Struct):
    """What is wrong with a row, or was left out of a good one."""

    line: int
    reason: str


class ImportAnswer(msgspec.Struct):
    """What became of the rows of an import: those that are not `bad` are in the catalogue."""

    rows: int
    added: int
    changed: int
    unchanged: int
    bad: list[RowFault]
    notes: list[RowFault]


class PushAnswer(msgspec.Struct):
    """What became of the rows of a push: those that are not `bad` are in the catalogue, or withdrawn."""

    rows: int
    added: int
    changed: int
    unchanged: int
    withdrawn: int
    restored: int
    bad: list[RowFault]
    notes: list[RowFault]


class ItemsAnswer(msgspec.Struct):
    """Items in the order in which they last changed."""

    items: list[KeptItem]
    cursor: Annotated[str, msgspec.Meta(description="send it to go on from here, now or later")]
    has_more: bool


POLICY = {
    "item_id": "gd-440100-0001", "item_type": "policy", "title": "关于促进新能源汽车消费的通知",
    "issuer": "广州市人民政府办公厅", "document_no": "穗府办〔2026〕3号", "theme": ["商贸"],
    "published_at": "2026-01-31T08:00:00+08:00", "url": "https://www.example.gov.cn/zc/1.html",
}  # fmt: skip
GUIDE = {"item_type": "guide", "title": "How to apply for a residence permit", "status": "draft", "source": "CMS"}
