"""站内信 as a person reads it: the words of the campaign, its items that are open yet, the reason as it is now.

In: rows of the inbox, the plans they came of, the catalogue, what the person declared. Out: structs for
`serving.api.inbox`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from civicrec.items import ITEM_TYPES, Time
from civicrec.registry.inbox import InboxRow
from profiles.rules.attributes import Attributes
from recommender.catalogue import Catalogue
from recommender.eligibility import eligible
from recommender.push.message import MessageItem, message_of
from recommender.push.plan import plan_from


class InboxMessage(msgspec.Struct):
    """A message.

    Attributes
    ----------
    is_over
        Whether none of its items is open any more; then it names none.
    """

    id: Annotated[str, msgspec.Meta(description="of the message; also what it is unsubscribed by")]
    title: str
    text: str
    items: list[MessageItem]
    deadline: Annotated[Time | None, msgspec.Meta(description="the first day on which applications close")]
    reason: Annotated[str, msgspec.Meta(description="why this person is sent it, by what they declared")]
    topic: Annotated[str, msgspec.Meta(description="what `/v1/unsubscribe` ends besides the channel")]
    campaign_id: Annotated[str, msgspec.Meta(description="goes into events of what is opened from here")]
    at: Time
    read_at: Time | None
    is_over: bool


class Inbox(msgspec.Struct):
    """Messages, the newest first."""

    unread: Annotated[int, msgspec.Meta(description="of all messages, not of these alone")]
    messages: list[InboxMessage]
    next: Annotated[Time | None, msgspec.Meta(description="`before` of the next page, if there is one")]


def told_messages(
    rows: Sequence[InboxRow], plans: Mapping[tuple[str, int], Any], catalogue: Catalogue, attributes: Attributes,
    now: datetime,
) -> list[InboxMessage]:  # fmt: skip
    """Return messages as they are told now; one whose campaign is gone is left out."""
    return [
        _told(row, plans[row.campaign_id, row.version], catalogue, attributes, now)
        for row in rows
        if (row.campaign_id, row.version) in plans
    ]


def _told(row: InboxRow, data: Any, catalogue: Catalogue, attributes: Attributes, now: datetime) -> InboxMessage:
    plan = plan_from(data)
    is_open = eligible(catalogue, ITEM_TYPES, now)
    ids = [catalogue.item_ids[place] for place in catalogue.rows_of(plan.items) if is_open[place]]
    told = InboxMessage(
        row.key, plan.title, plan.text, [], None, "", plan.topic, row.campaign_id, row.at, row.read_at, is_over=not ids
    )
    if not ids:
        return told
    made = message_of(plan, row.version, [catalogue.items[one] for one in ids], attributes, row.key, "")
    return msgspec.structs.replace(
        told, text=made.text, items=list(made.items), deadline=made.deadline, reason=made.reason
    )  # fmt: skip
