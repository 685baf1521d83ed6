"""What belongs to an item (配套), made in one way for ``/related`` and for the portal's pages, and kept as served."""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_hex

from civicrec.errors import NotFound
from civicrec.items import Item, ItemType
from recommender.eligibility import is_public
from recommender.related import RELATED, related_to
from recommender.request import RankedList
from recommender.signals import Signals
from serving.list_log import ListLog
from serving.live import Live
from serving.snapshot import Snapshot

#: Items of one type, unless told otherwise.
DEFAULT_N = 5


@dataclass(frozen=True, slots=True)
class RelatedList:
    """What belongs to an item, of one type, under a number of its own."""

    item_type: ItemType
    ranked_list: RankedList
    request_id: str = field(default_factory=lambda: token_hex(16))

    @property
    def slot(self) -> str:
        """The place on the page."""
        return f"{RELATED}-{self.item_type}"


@dataclass(frozen=True, slots=True)
class Related:
    """The lists of one item by type; `is_degraded` when the online store did not answer."""

    item: Item
    lists: tuple[RelatedList, ...]
    snapshot: Snapshot
    model: str
    is_degraded: bool


async def related(live: Live, log: ListLog, item_id: str, n: int = DEFAULT_N, site: str = "") -> Related:
    """Return what belongs to an item, at most `n` of each type; the same for everybody. Each list is kept as served.

    Raises
    ------
    NotFound
        If there is no such item, or it may not be named.
    """
    item = live.catalogue.items.get(item_id)
    if item is None or not is_public(item, live.clock()):
        raise NotFound(f"no item {item_id[:128]!r} in the catalogue")
    pairs = await live.budget.read(lambda: live.reader.pairs([item_id]))
    snapshot, now, is_degraded = live.snapshot, live.clock(), pairs is None
    signals = Signals(snapshot.models, snapshot.trends, pairs.co_clicks if pairs else {}, editorial=snapshot.editorial)
    by_type = related_to(item_id, snapshot.catalogue, signals, now, n)
    lists = tuple([
        RelatedList(name, RankedList(RELATED, "general", signals.model, ranked)) for name, ranked in by_type.items()
    ])  # fmt: skip
    for one in lists:
        log.add(one.ranked_list, one.request_id, now, site=site, slot=one.slot, is_degraded=is_degraded)
    return Related(item, lists, snapshot, signals.model, is_degraded)
