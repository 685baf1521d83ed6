"""What belongs to an item (配套), made in one way for ``/related`` and for the portal's pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from civicrec.errors import NotFound
from civicrec.items import Item, ItemType
from recommender.eligibility import is_public
from recommender.related import related_to
from recommender.request import RankedItem
from recommender.signals import Signals
from serving.live import Live
from serving.snapshot import Snapshot

#: Items of one type, unless told otherwise.
DEFAULT_N = 5


@dataclass(frozen=True, slots=True)
class Related:
    """The lists of one item by type; `is_degraded` when the online store did not answer."""

    item: Item
    lists: Mapping[ItemType, tuple[RankedItem, ...]]
    snapshot: Snapshot
    model: str
    is_degraded: bool


async def related(live: Live, item_id: str, n: int = DEFAULT_N) -> Related:
    """Return what belongs to an item, at most `n` of each type; the same for everybody.

    Raises
    ------
    NotFound
        If there is no such item, or it may not be named.
    """
    item = live.catalogue.items.get(item_id)
    if item is None or not is_public(item, live.clock()):
        raise NotFound(f"no item {item_id[:128]!r} in the catalogue")
    pairs = await live.budget.read(lambda: live.reader.pairs([item_id]))
    snapshot = live.snapshot
    signals = Signals(snapshot.models, snapshot.trends, pairs.co_clicks if pairs else {}, editorial=snapshot.editorial)
    lists = related_to(item_id, snapshot.catalogue, signals, live.clock(), n)
    return Related(item, lists, snapshot, signals.model, is_degraded=pairs is None)
