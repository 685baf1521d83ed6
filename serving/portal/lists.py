"""Lists for a page, from the same recommend path as the API, called in this process.

In: who looks (a `Visitor`) and which scenes. Out: `ListView`s; no item is recommended twice on a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import overload

import msgspec
import numpy as np
from anyio import from_thread
from numpy.typing import NDArray

from civicrec.events import anonymous_actor
from civicrec.items import TYPE_NAMES, Item, ItemType
from recommender.catalogue import Catalogue
from recommender.eligibility import is_public, public_rows
from recommender.related import RELATED
from recommender.request import RankedItem, RankedList
from serving import live as served
from serving.counters import ListCounters
from serving.list_log import ListLog
from serving.portal.views import Card, ListView, state_of
from serving.portal.visitor import Visitor
from serving.related import DEFAULT_N, RelatedLists
from serving.schemas import is_for_minors, own_site
from serving.shadow import Shadowed


class Lists:
    """The lists of one request, made for a page that is rendered in a thread of the server."""

    def __init__(
        self, live: served.Live, related: RelatedLists, counters: ListCounters, log: ListLog, visitor: Visitor,
        now: datetime,
    ) -> None:  # fmt: skip
        self._live, self._related, self._counters, self._log, self._now = live, related, counters, log, now
        site = own_site(live.settings)
        mode = "general" if is_for_minors(site, live.settings) else visitor.mode
        actor = visitor.actor if mode == "personalised" else ""
        is_shared = site in live.settings.sites and live.settings.sites[site].shared_devices
        browser = anonymous_actor(visitor.anonymous_id) if actor and visitor.account and not is_shared else ""
        self._caller = served.Caller(actor, (), mode, site, browser=browser)

    def of(self, wanted: Sequence[tuple[str, int]]) -> list[ListView]:
        """Return a block per (scene, length)."""
        return self._blocks([served.ListQuery(scene, n) for scene, n in wanted])

    def next_to(self, item: Item, n: int, shown: Sequence[str] = ()) -> ListView:
        """Return what to read after an item, `shown` left out."""
        return self._blocks([served.ListQuery("item", n, item_id=item.item_id, exclude=tuple(shown))])[0]

    def item_with_text(self, item_id: str) -> Item | None:
        """Return an item that is public, in force or not, with its text, as the registry has it at this moment."""
        item = self._live.catalogue.items.get(item_id)
        return self._live.item_with_text(item) if item is not None and is_public(item, self._now) else None

    def is_withdrawn(self, item_id: str) -> bool:
        """Say whether an item was public and is withdrawn."""
        item = self._live.catalogue.items.get(item_id)
        if item is None or item.status != "withdrawn":
            return False
        return is_public(msgspec.structs.replace(item, status="online"), self._now) and self._live.was_online(item_id)

    def public(self, item_type: ItemType) -> Sequence[Item]:
        """Return the items of a type that are online and published, in force or not, newest first."""
        return _Items(self._live.catalogue, public_rows(self._live.catalogue, item_type, self._now))

    def bundle(self, item: Item) -> list[ListView]:
        """Return what belongs to an item (配套), a block per type, as ``/related`` answers."""
        of_item = from_thread.run(self._related.of, item.item_id, DEFAULT_N, self._caller.site)
        return [
            ListView(
                RELATED,
                f"配套{TYPE_NAMES[one.item_type]}",
                tuple(self._card(ranked, one.slot) for ranked in one.ranked_list.items),
                one.request_id,
            )
            for one in of_item.lists
        ]

    @property
    def model(self) -> str:
        """Name of the model in force, empty before the first."""
        return self._live.models.run if self._live.models else ""

    def _blocks(self, blocks: Sequence[served.ListQuery]) -> list[ListView]:
        page = from_thread.run(self._live.page, self._caller, blocks)
        return [
            self._block(ranked_list, block.request_id, page.is_degraded, shadow)
            for ranked_list, block, shadow in zip(page.lists, blocks, page.shadows, strict=True)
        ]

    def _block(self, ranked_list: RankedList, request_id: str, is_degraded: bool, shadow: Shadowed | None) -> ListView:
        self._counters.list_served(ranked_list.scene, ranked_list.mode, is_degraded)
        self._log.add(
            ranked_list, request_id, self._now, site=self._caller.site, is_degraded=is_degraded, shadow=shadow
        )
        return ListView(
            scene=ranked_list.scene,
            title=ranked_list.title,
            cards=tuple(self._card(ranked, ranked_list.scene) for ranked in ranked_list.items),
            request_id=request_id,
            variant=ranked_list.variant,
            personalised=ranked_list.mode == "personalised",
        )

    def _card(self, ranked: RankedItem, slot: str) -> Card:
        return Card(
            item=ranked.item,
            position=ranked.position,
            slot=slot,
            reason=ranked.reasons[0].text if ranked.reasons else "",
            state=state_of(ranked.item, self._now),
        )


class _Items(Sequence[Item]):
    """Items of some rows, looked up when they are asked for: a page shows a few of thousands."""

    def __init__(self, catalogue: Catalogue, rows: NDArray[np.int64]) -> None:
        self._catalogue, self._rows = catalogue, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        if isinstance(place, slice):
            return [self._item(row) for row in self._rows[place].tolist()]
        return self._item(int(self._rows[place]))

    def _item(self, row: int) -> Item:
        return self._catalogue.items[self._catalogue.item_ids[row]]
