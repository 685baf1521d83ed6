"""Items: what the portal can recommend.

In: catalogue rows (JSON, or dicts from an importer). Out: an `Item`, checked, or `InvalidInput`.
The field list is docs/contracts.md §2.
"""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

import msgspec

from civicrec.errors import InvalidInput
from civicrec.markup import lost_characters, plain
from civicrec.text import unprintable

ItemType = Literal["policy", "interpretation", "service", "news", "guide", "faq", "topic"]
#: As pages print them.
TYPE_NAMES: dict[ItemType, str] = {
    "policy": "政策文件", "interpretation": "政策解读", "service": "办事服务", "news": "新闻动态",
    "guide": "办事指南", "faq": "常见问题", "topic": "专题",
}  # fmt: skip
Validity = Literal["有效", "失效", "废止", "修改"]
Status = Literal["draft", "online", "withdrawn"]
Rel = Literal["interprets", "implements", "serves", "answers", "part_of"]

#: Fields that hold one of a few words, as a message tells them.
_CHOICES = {"item_type": ItemType, "validity": Validity, "status": Status}
_LINES = ("title", "summary", "issuer", "document_no", "index_no", "region_code", "source")
_WORD_LISTS = ("theme", "life_events", "audiences", "person_groups", "industries", "enterprise_scales", "tags")
_TIMES = ("published_at", "valid_from", "valid_until", "apply_from", "apply_until", "updated_at")

#: What stands in place of the title of an item that was erased.
ERASED_TITLE = "（已清除）"
ITEM_TYPES: tuple[ItemType, ...] = get_args(ItemType)

#: Printable, without our own separator (`,` in ``recent=``). `\Z`, because `$` lets one line end pass.
ItemId = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[^\s,\x00-\x1f\x7f]+\Z")]
_WITHOUT_OFFSET = re.compile(r"Expected `datetime` with a timezone component - at `\$\.(\w+)`")
_SCHEME = re.compile(r"([a-z][a-z0-9+.\-]*):", re.IGNORECASE)
#: A time without an offset would be read as local time by one program and as UTC by the next.
Time = Annotated[datetime, msgspec.Meta(tz=True)]
Text64 = Annotated[str, msgspec.Meta(max_length=64)]


class Link(msgspec.Struct, frozen=True):
    """A directed link from the item that holds it to another one."""

    rel: Rel
    item_id: ItemId


class StatedRule(msgspec.Struct, frozen=True):
    """A condition of a document: a rule of `profiles.rules.language` as JSON, and the sentence it comes from."""

    rule: dict[str, Any]
    quote: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


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
    published_at: Time | None = None
    valid_from: Time | None = None
    valid_until: Time | None = None
    apply_from: Time | None = None
    apply_until: Time | None = None
    validity: Validity = "有效"
    status: Status = "online"
    source: Annotated[str, msgspec.Meta(max_length=200)] = ""
    source_permitted: bool = True
    links: tuple[Link, ...] = ()
    conditions: Annotated[tuple[StatedRule, ...], msgspec.Meta(max_length=50)] = ()
    version: int = 1
    updated_at: Time | None = None


def item_from(row: dict[str, Any]) -> Item:
    """Check one catalogue row and return it as an `Item`.

    Raises
    ------
    InvalidInput
        If a field is missing, of the wrong type or out of range; the message names it.
    """
    for name, words in _CHOICES.items():
        if name in row and row[name] not in get_args(words):
            raise InvalidInput(f"{name}: got {row[name]!r:.80}, expected one of {', '.join(get_args(words))}")
    try:
        item = msgspec.convert(_cleaned(row), Item)
    except msgspec.ValidationError as error:
        if without := _WITHOUT_OFFSET.match(str(error)):
            raise InvalidInput(f"{without[1]} needs an offset, for example 2026-01-31T08:00:00Z") from None
        raise InvalidInput(str(error)) from None
    if not item.title:
        raise InvalidInput("title is blank; expected the words a list shows")
    if lost := lost_characters(item.title):
        raise InvalidInput(
            f"title: got {item.title!r:.80}, in which a conversion lost characters ({lost}); export it again as UTF-8"
        )
    _check_id(item.item_id)
    item = msgspec.structs.replace(item, **_utc_times(item))
    if item.valid_from and item.valid_until and item.valid_until < item.valid_from:
        raise InvalidInput(f"valid_until {item.valid_until} is before valid_from {item.valid_from}")
    if item.apply_from and item.apply_until and item.apply_until < item.apply_from:
        raise InvalidInput(f"apply_until {item.apply_until} is before apply_from {item.apply_from}")
    return item


def _cleaned(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with its texts as a reader would see them."""
    clean = dict(row)
    for name in _LINES:
        if isinstance(text := row.get(name), str):
            clean[name] = plain(text)
    if isinstance(text := row.get("body_text"), str):
        clean["body_text"] = plain(text, keep_lines=True)
    if isinstance(text := row.get("url"), str):
        clean["url"] = address(text)
    for name in _WORD_LISTS:
        if isinstance(words := row.get(name), (list, tuple)):
            seen = (plain(word) if isinstance(word, str) else word for word in words)
            clean[name] = [word for word in seen if word != ""]
    if isinstance(stated := row.get("conditions"), (list, tuple)):
        clean["conditions"] = [_cleaned_condition(one) for one in stated]
    return clean


def _cleaned_condition(stated: Any) -> Any:
    """Return a condition with its sentence as a reader would see it."""
    if isinstance(stated, dict) and isinstance(quote := stated.get("quote"), str):
        return stated | {"quote": plain(quote)}
    return stated


def address(text: str) -> str:
    """Return an address a page may link to: of http or https, or relative to the portal.

    Raises
    ------
    InvalidInput
        If it is of another scheme, such as ``javascript:``.

    Examples
    --------
    >>> address(" https://www.example.gov.cn/a?b=1&amp;c=2 ")
    'https://www.example.gov.cn/a?b=1&c=2'
    """
    link = plain(text)
    scheme = _SCHEME.match("".join(link.split()))  # browsers take out line ends and tabs before they look
    if "\\" in link or (scheme and scheme[1].lower() not in ("http", "https")):
        raise InvalidInput(f"url: got {text!r:.80}, expected an address of http or https, or a path of the portal")
    return link


def _check_id(item_id: str) -> None:
    """Refuse an id that no page can be found under, or no terminal can show."""
    if unprintable(item_id) or plain(item_id) != item_id:
        raise InvalidInput(f"item_id: got {item_id!r:.140}, expected no characters that cannot be seen and no markup")
    if any(part in (".", "..") for part in item_id.split("/")):
        raise InvalidInput(f"item_id: got {item_id!r:.140}, which browsers and proxies take for a folder")


def _utc_times(item: Item) -> dict[str, datetime]:
    """Return the times that are set, in UTC, so that one instant has one spelling."""
    times: dict[str, datetime] = {}
    for name in _TIMES:
        at = getattr(item, name)
        if at is None:
            continue
        try:
            times[name] = at.astimezone(UTC)
        except OverflowError:
            raise InvalidInput(f"{name}: {at} lies outside the years 1 to 9999 in UTC") from None
    return times


def hash_of(item_id: str) -> int:
    """Return the 32-bit hash that stands for an item where many are told of; two ids may share one."""
    return zlib.crc32(item_id.encode())


def item_json(item: Item) -> bytes:
    """Write an item as one JSON object, defaults left out."""
    return msgspec.json.encode(item)
