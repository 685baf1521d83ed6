"""Which events made a tag: the same interactions and rules as the night's, told one by one.

In: an actor and a tag of a night. Out: items with their events, whose weights sum to the tag's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass
from datetime import date

from civicrec.clock import from_ms, local_date
from civicrec.warehouse.interests import withdrawals
from civicrec.warehouse.personal import interactions_of
from civicrec.warehouse.ports import Warehouse
from profiles.evidence import TagEvidence
from profiles.governed import Tag


@dataclass(frozen=True, slots=True)
class TagEvent:
    """One interaction: epoch ms, and what it still weighs on the night's day.

    0 for what came after its item had given its most of that day (`civicrec.warehouse.actor_tags.MAX_DAY_WEIGHT`).
    """

    event_id: str
    kind: str
    at_ms: int
    weight: float


@dataclass(frozen=True, slots=True)
class TagItem:
    """An item that carries the tag, its events, the latest first, and the sum of their weights."""

    item_id: str
    weight: float
    events: tuple[TagEvent, ...]


def explained(
    warehouse: Warehouse, actor: str, tag: Tag, first: date, last: date, carriers: Container[str]
) -> list[TagItem]:
    """Return the items that gave an actor a tag, the heaviest first.

    Parameters
    ----------
    first, last
        Days the night learned from.
    carriers
        Ids of the items that interacting with teaches the tag.
    """
    gone_ms = withdrawals(warehouse, first).get(actor, -1)
    evidence = TagEvidence(tag.half_life_days, tag.min_evidence)
    events: dict[str, list[TagEvent]] = defaultdict(list)
    for row in reversed(interactions_of(warehouse, actor, first, last)):
        if row["at_ms"] > gone_ms and row["item_id"] in carriers:
            day = local_date(from_ms(row["at_ms"]))
            added = evidence.update(row["item_id"], day, row["strength"])
            left = evidence.left(added, day, last)
            events[row["item_id"]].append(TagEvent(row["event_id"], row["kind"], row["at_ms"], left))
    items = (TagItem(item_id, sum(one.weight for one in mine), tuple(mine[::-1])) for item_id, mine in events.items())
    return sorted(items, key=lambda item: (-item.weight, item.item_id))
