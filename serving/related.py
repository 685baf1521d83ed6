"""What belongs to an item (配套), made in one way for ``/related`` and for the portal's pages, and kept as served."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from typing import NamedTuple

from civicrec.errors import NotFound
from civicrec.items import Item, ItemType
from recommender.eligibility import is_public
from recommender.related import RELATED, related_to
from recommender.request import RankedList
from recommender.signals import Signals
from serving.kept import Kept
from serving.list_log import ListLog
from serving.live import Live
from serving.snapshot import Snapshot

#: Items of one type, unless told otherwise.
DEFAULT_N = 5
#: How long what belongs to an item is answered again: only the crowd's pairs may be newer.
KEPT_MS = 30_000


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
    """The lists of one item by type; `is_degraded` when the online store did not answer, `encoded` as of `Page`."""

    item: Item
    lists: tuple[RelatedList, ...]
    snapshot: Snapshot
    model: str
    is_degraded: bool
    encoded: dict[Hashable, bytes]


class _Made(NamedTuple):
    snapshot: Snapshot
    model: str
    lists: tuple[tuple[ItemType, RankedList], ...]
    encoded: dict[Hashable, bytes]


class RelatedLists:
    """Makes what belongs to an item, at most once in `KEPT_MS` for each; the same for everybody."""

    def __init__(self, live: Live, log: ListLog) -> None:
        self._live = live
        self._log = log
        self._kept: Kept[tuple[str, int], _Made] = Kept(KEPT_MS)

    async def of(self, item_id: str, n: int = DEFAULT_N, site: str = "") -> Related:
        """Return what belongs to an item, at most `n` of each type. Each list is kept as served.

        Raises
        ------
        NotFound
            If there is no such item, or it may not be named.
        """
        live, snapshot, now = self._live, self._live.snapshot, self._live.clock()
        item = snapshot.catalogue.items.get(item_id)
        if item is None or not is_public(item, now):
            raise NotFound(f"no item {item_id[:128]!r} in the catalogue")
        question, is_degraded = (item_id, n), False
        kept = self._kept.get(question, _made_from(snapshot, now), now)
        if kept is None:
            pairs = await live.budget.read(lambda: live.reader.pairs([item_id]))
            is_degraded, now = pairs is None, live.clock()
            kept = _make(snapshot, item_id, n, pairs.co_clicks if pairs else {}, now)
            if not is_degraded:
                self._kept.put(question, _made_from(snapshot, now), now, kept)
        lists = tuple([RelatedList(name, ranked_list) for name, ranked_list in kept.lists])
        for one in lists:
            self._log.add(one.ranked_list, one.request_id, now, site=site, slot=one.slot, is_degraded=is_degraded)
        return Related(item, lists, kept.snapshot, kept.model, is_degraded, kept.encoded)


def _make(
    snapshot: Snapshot, item_id: str, n: int, co_clicks: Mapping[str, Sequence[tuple[str, float]]], now: datetime
) -> _Made:
    signals = Signals(snapshot.models, snapshot.trends, co_clicks, editorial=snapshot.editorial)
    by_type = related_to(item_id, snapshot.catalogue, signals, now, n)
    lists = [(name, RankedList(RELATED, "general", signals.model, ranked)) for name, ranked in by_type.items()]
    return _Made(snapshot, signals.model, tuple(lists), {})


def _made_from(snapshot: Snapshot, now: datetime) -> tuple[object, ...]:
    """Return what these lists are made from, beside the crowd's pairs; trends are not in them."""
    return snapshot.catalogue, snapshot.models, snapshot.editorial, *snapshot.periods(now)
