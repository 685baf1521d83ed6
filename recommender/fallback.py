"""The fallback: a list that can always be made; also fills lists that are too short.

The scene's own generators, then all there is: types, themes and issuers in turn, or by date in a scene without any.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from civicrec.items import ITEM_TYPES, ItemType
from recommender.candidates.generator import Query
from recommender.candidates.selection import first_open
from recommender.catalogue import Catalogue, theme_number
from recommender.generators import GENERATORS
from recommender.scenes.scene import Scene
from recommender.spread import spread_rows


def fallback_rows(query: Query, scene: Scene, n: int) -> list[int]:
    """Return `n` distinct open rows, fewer only if there are no more."""
    rows: dict[int, None] = {}
    for source in scene.fallback:
        rows.update(dict.fromkeys(GENERATORS[source].candidates(query, n).rows.tolist()))
    if len(rows) < n:
        order = _spread(query.catalogue, scene) if scene.fallback else query.catalogue.newest
        # Among the first n + len(rows) of them, at least n are new or there are no more.
        rows.update(dict.fromkeys(first_open(query, order, n + len(rows)).tolist()))
    return list(rows)[:n]


def _spread(catalogue: Catalogue, scene: Scene) -> NDArray[np.int64]:
    """Return all rows in turns, those of the scene's first types and themes before the others.

    A re-ranker sees a few of them only, in which what leads the place might be rare.
    """
    orders, firsts = catalogue.once(_orders), (scene.first_types, scene.first_themes)
    if firsts not in orders:
        types, themes = [ITEM_TYPES.index(name) for name in scene.first_types], set(map(theme_number, firsts[1]))
        rows = catalogue.once(spread_rows)
        is_behind = 2 * np.isin(catalogue.types, types, invert=True) if types else np.zeros(len(rows), np.int64)
        if themes:
            is_behind = is_behind + np.array([themes.isdisjoint(of_row) for of_row in catalogue.themes], np.int64)
        orders[firsts] = rows[is_behind[rows].argsort(kind="stable")]
    return orders[firsts]


def _orders(_: Catalogue) -> dict[tuple[tuple[ItemType, ...], tuple[str, ...]], NDArray[np.int64]]:
    """Return where the orders of a catalogue are kept, once a scene asked for one: first types and themes, to rows."""
    return {}
