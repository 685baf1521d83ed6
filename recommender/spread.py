"""The order of a catalogue of which nobody's wishes are known: types, themes and issuers take turns.

In: a catalogue. Out: all its rows. Within a turn the newest first; what has no date goes by how much hangs on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from civicrec.items import ITEM_TYPES, ItemType
from recommender.catalogue import EVER_MS, Catalogue

#: Types in the order of their turns: what people come to do, then what is decided, then what is told.
_TURNS: tuple[ItemType, ...] = ("service", "policy", "news", "guide", "interpretation", "topic", "faq")
_TURN_OF = np.array([_TURNS.index(name) for name in ITEM_TYPES])

_Rows = NDArray[np.int64]


def spread_rows(catalogue: Catalogue) -> _Rows:
    """Return all rows: one of each type in turn, of each type one of each theme, of each theme one of each issuer."""
    types = _TURN_OF[catalogue.types].astype(np.int64)
    themes = _numbered([themes[0] if themes else -1 for themes in catalogue.themes])
    issuers = _numbered([catalogue.items[item_id].issuer for item_id in catalogue.item_ids])
    of_theme = types * (1 + themes.max(initial=0)) + themes
    of_issuer = of_theme * (1 + issuers.max(initial=0)) + issuers
    places = _alone(catalogue)
    for groups in (of_issuer, of_theme):
        order = np.lexsort((places, _turns(groups, places)))
        places[order] = np.arange(len(order))
    rows: _Rows = np.lexsort((types, _turns(types, places)))
    return rows


def _alone(catalogue: Catalogue) -> _Rows:
    """Return row → its place where nothing takes turns: the newest first, then by what hangs on it, then by chance.

    Ids are codes of offices in which neighbours are alike, so equals go by a hash of theirs.
    """
    hangs = [
        len(catalogue.linked_from.get(item_id, ()))
        + len(catalogue.mentioned_in.get(row, ()))
        + len(catalogue.items[item_id].links)
        + bool(catalogue.items[item_id].summary)
        + bool(catalogue.tags[row])
        for row, item_id in enumerate(catalogue.item_ids)
    ]
    published = catalogue.published_ms.clip(min=EVER_MS + 1)
    order = np.lexsort((catalogue.hashes, -np.array(hangs, np.int64), -published))
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return places


def _turns(groups: _Rows, places: _Rows) -> _Rows:
    """Return row → how many of its group stand before it."""
    order = np.lexsort((places, groups))
    counted, of_group = np.arange(len(order)), groups[order]
    begins = np.append(True, of_group[1:] != of_group[:-1])[: len(order)]
    turns = np.empty_like(order)
    turns[order] = counted - np.maximum.accumulate(np.where(begins, counted, 0))
    return turns


def _numbered(names: list[int] | list[str]) -> _Rows:
    number_of: dict[int | str, int] = {}
    return np.fromiter((number_of.setdefault(name, len(number_of)) for name in names), np.int64, len(names))
