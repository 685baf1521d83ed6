"""Which events made a tag: the same interactions and decay as the night's, told one by one.

In: an actor and a tag of a night. Out: items with their events, whose weights sum to the tag's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from civicrec.warehouse.interests import MAX_PAIR_WEIGHT, withdrawals
from civicrec.warehouse.personal import interactions_of
from civicrec.warehouse.ports import Warehouse

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class TagEvent:
    """One interaction: epoch ms, and what is left of its weight at the end of the night's day."""

    event_id: str
    kind: str
    at_ms: int
    weight: float


@dataclass(frozen=True, slots=True)
class TagItem:
    """An item that carries the tag, and what it adds: the sum of its events, at most `MAX_PAIR_WEIGHT`."""

    item_id: str
    weight: float
    events: tuple[TagEvent, ...]


def explained(
    warehouse: Warehouse, actor: str, tag: str, first: date, last: date, until_ms: int, half_life_days: float,
    item_tags: Mapping[str, Sequence[str]],
) -> list[TagItem]:  # fmt: skip
    """Return the items that gave an actor a tag, the heaviest first.

    Parameters
    ----------
    first, last
        Days the night learned from.
    until_ms
        End of its last day, epoch ms.
    item_tags
        item id → tags that interacting with it teaches.
    """
    gone_ms = withdrawals(warehouse, first).get(actor, -1)
    events: dict[str, list[TagEvent]] = defaultdict(list)
    for row in interactions_of(warehouse, actor, first, last):
        if row["at_ms"] > gone_ms and tag in item_tags.get(row["item_id"], ()):
            age_days = max(0.0, (until_ms - row["at_ms"]) / _DAY_MS)
            left = row["strength"] * 2.0 ** (-age_days / half_life_days)
            events[row["item_id"]].append(TagEvent(row["event_id"], row["kind"], row["at_ms"], left))
    items = (
        TagItem(item_id, min(MAX_PAIR_WEIGHT, sum(one.weight for one in mine)), tuple(mine))
        for item_id, mine in events.items()
    )
    return sorted(items, key=lambda item: (-item.weight, item.item_id))
