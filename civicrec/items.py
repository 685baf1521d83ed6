"""Items: what the portal can recommend.

In: catalogue rows (JSON, or dicts from an importer). Out: an `Item`, checked, or `InvalidInput`.
The field list is docs/contracts.md §2.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

import msgspec

from civicrec.errors import InvalidInput

ItemType = Literal["policy", "interpretation", "service", "news", "guide", "faq", "topic"]
Validity = Literal["有效", "失效", "废止", "修改"]
Status = Literal["draft", "online", "withdrawn"]
Rel = Literal["interprets", "implements", "serves", "answers", "part_of"]

_TIMES = ("published_at", "valid_from", "valid_until", "apply_from", "apply_until", "updated_at")

ITEM_TYPES: tuple[ItemType, ...] = get_args(ItemType)

#: Printable, without our own separator (`,` in ``recent=``). `\Z`, because `$` lets one line end pass.
ItemId = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\s,\x00-\x1f\x7f]+\Z")]
Text64 = Annotated[str, msgspec.Meta(max_length=64)]


class Link(msgspec.Struct, frozen=True):
    """A directed link from the item that holds it to another one."""

    rel: Rel
    item_id: ItemId


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One policy, interpretation, service, news article, guide, question or topic.

    Times are aware UTC; ``None`` means no limit. `theme` holds codes or names of the governed vocabulary
    (`profiles/vocabulary`); `audiences` are 服务对象 such as 自然人 and 企业法人.
    """

    item_id: ItemId
    item_type: ItemType
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    summary: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    url: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    body_text: str = ""
    issuer: Annotated[str, msgspec.Meta(max_length=200)] = ""
    document_no: Annotated[str, msgspec.Meta(max_length=200)] = ""
    index_no: Annotated[str, msgspec.Meta(max_length=200)] = ""
    theme: tuple[Text64, ...] = ()
    life_events: tuple[Text64, ...] = ()
    audiences: tuple[Text64, ...] = ()
    person_groups: tuple[Text64, ...] = ()
    industries: tuple[Text64, ...] = ()
    enterprise_scales: tuple[Text64, ...] = ()
    region_code: Text64 = ""
    tags: tuple[Text64, ...] = ()
    published_at: datetime | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    apply_from: datetime | None = None
    apply_until: datetime | None = None
    validity: Validity = "有效"
    status: Status = "online"
    source: Annotated[str, msgspec.Meta(max_length=200)] = ""
    source_permitted: bool = True
    links: tuple[Link, ...] = ()
    version: int = 1
    updated_at: datetime | None = None


def item_from(row: dict[str, Any]) -> Item:
    """Check one catalogue row and return it as an `Item`.

    Raises
    ------
    InvalidInput
        If a field is missing, of the wrong type or out of range; the message names it.
    """
    try:
        item = msgspec.convert(row, Item)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error)) from None
    if not item.title.strip():
        raise InvalidInput("title is blank; expected the words a list shows")
    item = msgspec.structs.replace(item, **_utc_times(item))
    if item.valid_from and item.valid_until and item.valid_until < item.valid_from:
        raise InvalidInput(f"valid_until {item.valid_until} is before valid_from {item.valid_from}")
    if item.apply_from and item.apply_until and item.apply_until < item.apply_from:
        raise InvalidInput(f"apply_until {item.apply_until} is before apply_from {item.apply_from}")
    return item


def _utc_times(item: Item) -> dict[str, datetime]:
    """Return the times that are set, in UTC, so that one instant has one spelling."""
    times: dict[str, datetime] = {}
    for name in _TIMES:
        at = getattr(item, name)
        if at is None:
            continue
        if at.tzinfo is None:
            raise InvalidInput(f"{name} needs an offset, for example 2026-01-31T08:00:00Z")
        try:
            times[name] = at.astimezone(UTC)
        except OverflowError:
            raise InvalidInput(f"{name}: {at} lies outside the years 1 to 9999 in UTC") from None
    return times


def item_json(item: Item) -> bytes:
    """Write an item as one JSON object, defaults left out."""
    return msgspec.json.encode(item)
