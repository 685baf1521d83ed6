"""What a page shows, as plain values for the templates.

In: items, ranked lists and the time. Out: cards, facts and pages. No HTML here, no IO.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from civicrec.clock import local_date, moved
from civicrec.items import TYPE_NAMES, Item
from serving.links import item_path

PAGE_ITEMS = 15
ELDER_PAGE_ITEMS = 6

ItemState = Literal["", "已失效", "尚未生效", "申报未开始", "申报已截止", "正在申报"]


@dataclass(frozen=True, slots=True)
class Card:
    """One item in a list, with the place it has there (for the tracker) and why it is there."""

    item: Item
    position: int
    slot: str = ""
    reason: str = ""
    state: ItemState = ""

    @property
    def type_name(self) -> str:
        """Chinese name of the item's type."""
        return TYPE_NAMES[self.item.item_type]

    @property
    def href(self) -> str:
        """Page of the item on this portal."""
        return item_path(self.item.item_id)

    @property
    def day(self) -> str:
        """Local day of publication, empty if unknown."""
        return local_date(self.item.published_at).isoformat() if self.item.published_at else ""


@dataclass(frozen=True, slots=True)
class ListView:
    """A list as it stands on a page."""

    scene: str
    title: str
    cards: tuple[Card, ...]
    request_id: str = ""
    variant: str = ""
    personalised: bool = False


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of all items of a type."""

    cards: tuple[Card, ...]
    number: int
    pages: int
    total: int


def state_of(item: Item, now: datetime) -> ItemState:
    """Say in one word whether the item is in force and open, empty if there is nothing to say."""
    if item.validity in ("失效", "废止") or (item.valid_until and item.valid_until <= now):
        return "已失效"
    if item.valid_from and item.valid_from > now:
        return "尚未生效"
    if item.apply_until and item.apply_until <= now:
        return "申报已截止"
    if item.apply_from and item.apply_from > now:
        return "申报未开始"
    return "正在申报" if item.apply_from or item.apply_until else ""


def facts_of(item: Item, now: datetime) -> list[tuple[str, str]]:
    """Return the (name, value) pairs an item page shows, those without a value left out."""
    names = (
        ("发文机关" if item.item_type == "policy" else "发布机构", item.issuer),
        ("发文字号", item.document_no),
        ("索引号", item.index_no),
        ("主题分类", "、".join(item.theme)),
        ("人生事件", "、".join(item.life_events)),
        ("服务对象", "、".join((*item.audiences, *item.person_groups))),
        ("适用行业", "、".join(item.industries)),
        ("企业规模", "、".join(item.enterprise_scales)),
        ("发布日期", local_date(item.published_at).isoformat() if item.published_at else ""),
        ("有效期", _span(item.valid_from, item.valid_until)),
        ("申报时间", _span(item.apply_from, item.apply_until)),
        ("状态", state_of(item, now)),
        ("来源", item.source if item.source != item.issuer else ""),
    )
    return [(name, value) for name, value in names if value]


def list_page(items: Sequence[Item], number: int, size: int, now: datetime) -> ListPage:
    """Return page `number` (from 1, moved into range) of the items, in their order."""
    pages = max(1, -(-len(items) // size))
    number = min(max(number, 1), pages)
    first = (number - 1) * size
    cards = tuple(
        Card(item, position, state=state_of(item, now))
        for position, item in enumerate(items[first : first + size], start=first)
    )
    return ListPage(cards, number, pages, len(items))


def _span(start: datetime | None, end: datetime | None) -> str:
    if start is None and end is None:
        return ""
    first = local_date(start).isoformat() if start else "发布之日"
    # An end at midnight is the end of the day before.
    last = local_date(moved(end, timedelta(microseconds=-1))).isoformat() if end else "长期"
    return f"{first} 至 {last}"
