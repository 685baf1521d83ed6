"""The fallback: a list that can always be made; also fills lists that are too short.

The scene's own generators, then all there is: types, themes and issuers in turn, or by date in a scene without any.
"""

from __future__ import annotations

from recommender.candidates.generator import Query
from recommender.candidates.selection import first_open
from recommender.generators import GENERATORS
from recommender.scenes.scene import Scene
from recommender.spread import spread_rows


def fallback_rows(query: Query, scene: Scene, n: int) -> list[int]:
    """Return `n` distinct open rows, fewer only if there are no more."""
    rows: dict[int, None] = {}
    for source in scene.fallback:
        rows.update(dict.fromkeys(GENERATORS[source].candidates(query, n).rows.tolist()))
    if len(rows) < n:
        order = query.catalogue.once(spread_rows) if scene.fallback else query.catalogue.newest
        # Among the first n + len(rows) of them, at least n are new or there are no more.
        rows.update(dict.fromkeys(first_open(query, order, n + len(rows)).tolist()))
    return list(rows)[:n]
