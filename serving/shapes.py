"""The answers of the list API as structs: lists are joined from bytes encoded before, and a test holds them to these.

In: nothing. Out: types, for the OpenAPI document and for who decodes an answer.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from civicrec.items import ItemType, Time
from recommender.request import Mode, Reason
from serving.debug import ListDebug


class FeatureShare(msgspec.Struct):
    """What a learned ranker saw in an item, and what it added to the score."""

    value: float
    part: float


class ListItem(msgspec.Struct):
    """An item of a list. Send `item_id`, `slot`, `position` and the list's `request_id` back with its events."""

    item_id: str
    item_type: ItemType
    title: str
    url: Annotated[str, msgspec.Meta(description="http, https, relative to the portal, or empty")]
    published_at: Time | None
    position: Annotated[int, msgspec.Meta(ge=0, description="from 0, counted on across pages")]
    slot: str
    score: Annotated[float, msgspec.Meta(description="comparable within one list only")]
    source: Annotated[str, msgspec.Meta(description="the generator with the largest part of the score")]
    reasons: Annotated[list[Reason], msgspec.Meta(description="the first two, all with explain=1")]
    parts: dict[str, float] = {}
    features: dict[str, FeatureShare] = {}


class ListAnswer(msgspec.Struct):
    """One list."""

    request_id: str
    scene: str
    mode: Annotated[Mode, msgspec.Meta(description="what was really done")]
    variant: Annotated[
        str, msgspec.Meta(description="of the scene's experiment, `holdout` of who is held out, or empty")
    ]
    model: Annotated[str, msgspec.Meta(description="the nightly run, empty before the first")]
    generated_at: Time
    degraded: Annotated[bool, msgspec.Meta(description="the fallback answered, because a store was down")]
    next_cursor: Annotated[str | None, msgspec.Meta(description="send it as cursor for the next page")]
    items: list[ListItem]
    debug: ListDebug | None = None


class BlocksAnswer(msgspec.Struct):
    """The lists of a page, in the order of its blocks; no item stands twice."""

    blocks: list[ListAnswer]


class RelatedList(msgspec.Struct):
    """Related items of one type, under a number of its own for their events."""

    item_type: ItemType
    request_id: str
    items: list[ListItem]


class RelatedAnswer(msgspec.Struct):
    """What belongs to an item, one list per type."""

    item_id: str
    title: str
    model: str
    degraded: bool
    lists: list[RelatedList]


class FeedbackAnswer(msgspec.Struct):
    """Whether feedback acts from the next request on, and whether it is recorded for good."""

    acts: bool
    recorded: bool


class Health(msgspec.Struct):
    """The process runs."""

    status: Literal["ok"]


class Readiness(msgspec.Struct):
    """Whether lists can be served, and from what."""

    status: Literal["ok", "degraded", "unavailable"]
    problems: list[str]
    items: int
    catalogue_version: int
    model: str
    at: Time


class Transparency(msgspec.Struct):
    """What recommends, from what, and how to switch it off."""

    purpose: str
    rules_first: str
    scenes: list[dict[str, Any]]
    data: dict[str, Any]
    model: dict[str, Any] | None
    holdout: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(description="share of visitors who get general lists, and why"),
    ]
    filing_number: str
    switch_off: str
    generated_at: Time
