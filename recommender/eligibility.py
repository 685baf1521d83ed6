"""Eligibility: which items may be shown at all. Rules come first; no model can overrule them.

In: a catalogue, the types a scene shows and the time. Out: a mask over its rows.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from civicrec.clock import to_ms
from civicrec.items import ITEM_TYPES, Item, ItemType
from recommender.catalogue import Catalogue
from recommender.spans import Span, value_at

#: Types somebody acts on: once applications are closed, recommending them would send people in vain.
ACTIONABLE: frozenset[ItemType] = frozenset({"policy", "service", "guide"})
#: The same by number of a type, as `Catalogue.types` has them.
IS_ACTIONABLE = np.array([name in ACTIONABLE for name in ITEM_TYPES])


def is_public(item: Item, now: datetime) -> bool:
    """Say whether anybody may learn that there is such an item: online, published, of a source that may be reprinted.

    What is no longer in force is public all the same: its page says so, but no list or reason names it.
    """
    return (
        item.status == "online"
        and (item.published_at is None or item.published_at <= now)
        and (item.source_permitted or item.item_type != "news")
    )


def public_rows(catalogue: Catalogue, item_type: ItemType, now: datetime) -> NDArray[np.int64]:
    """Return the rows of a type that are public (`is_public`), newest first, those without a date last."""
    rows = catalogue.once(_public_by_type)[item_type]
    return rows[catalogue.published_ms[rows] <= to_ms(now)]


def _public_by_type(catalogue: Catalogue) -> dict[ItemType, NDArray[np.int64]]:
    public = catalogue.newest[catalogue.is_public[catalogue.newest]]
    types = catalogue.types[public]
    return {item_type: public[types == number] for number, item_type in enumerate(ITEM_TYPES)}


def in_force(catalogue: Catalogue, now: datetime) -> NDArray[np.bool_]:
    """Return which items a list or a reason may name now: public, valid, and within their time."""
    return _mask(catalogue, None, to_ms(now))


def eligible(catalogue: Catalogue, item_types: Collection[ItemType], now: datetime) -> NDArray[np.bool_]:
    """Return which items of some types may be recommended now.

    In force, of these types, and, for what people apply for, not closed to applications.
    The mask is read-only and shared between calls until an item's time begins or ends.
    """
    return _mask(catalogue, tuple(item_types), to_ms(now))


def period_of(catalogue: Catalogue, now: datetime) -> object:
    """Return an object that stays the same one until an item's time begins or ends."""
    times = (catalogue.opens_ms, catalogue.closes_ms, catalogue.apply_until_ms)
    now_ms = to_ms(now)
    return value_at(catalogue.once(_periods), "all", now_ms, lambda: Span.between(object(), times, now_ms))


def _periods(_: Catalogue) -> dict[str, Span[object]]:
    return {}


def of_origin(catalogue: Catalogue, issuers: tuple[str, ...], origins: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which items are of one of the issuers and from one of the sources; of any where none are named."""
    masks = catalogue.once(_origin_masks)
    mask = masks.get((issuers, origins))
    if mask is None:
        items, by, out_of = catalogue.items, frozenset(issuers), frozenset(origins)
        mask = masks[issuers, origins] = np.array(
            [(not by or item.issuer in by) and (not out_of or item.source in out_of) for item in items.values()], bool
        )
    return mask


def _origin_masks(_: Catalogue) -> dict[tuple[tuple[str, ...], tuple[str, ...]], NDArray[np.bool_]]:
    return {}


def _mask(catalogue: Catalogue, item_types: tuple[ItemType, ...] | None, now_ms: int) -> NDArray[np.bool_]:
    return value_at(catalogue.once(_masks), item_types, now_ms, lambda: _mask_now(catalogue, item_types, now_ms))


def _masks(_: Catalogue) -> dict[tuple[ItemType, ...] | None, Span[NDArray[np.bool_]]]:
    """Return where the masks of a catalogue are kept: types, ``None`` for what is in force, to the last mask made."""
    return {}


def _mask_now(catalogue: Catalogue, item_types: tuple[ItemType, ...] | None, now_ms: int) -> Span[NDArray[np.bool_]]:
    mask = catalogue.is_offered & (catalogue.opens_ms <= now_ms) & (now_ms < catalogue.closes_ms)
    times = [catalogue.opens_ms, catalogue.closes_ms]
    if item_types is not None:
        mask &= np.array([name in item_types for name in ITEM_TYPES])[catalogue.types]
        mask &= (now_ms < catalogue.apply_until_ms) | ~IS_ACTIONABLE[catalogue.types]
        times.append(catalogue.apply_until_ms)
    mask.setflags(write=False)
    return Span.between(mask, times, now_ms)
