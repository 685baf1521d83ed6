"""The fallback: a list that can always be made, the scene's own order → newest; also fills lists that are too short."""

from __future__ import annotations

from recommender.candidates.generator import Query
from recommender.candidates.selection import first_open
from recommender.generators import GENERATORS
from recommender.scenes.scene import Scene


def fallback_rows(query: Query, scene: Scene, n: int) -> list[int]:
    """Return `n` distinct open rows, fewer only if there are no more."""
    rows: dict[int, None] = {}
    for source in scene.fallback:
        rows.update(dict.fromkeys(GENERATORS[source].candidates(query, n).rows.tolist()))
    if len(rows) < n:
        # Among the first n + len(rows) of the newest, at least n are new or there are no more.
        rows.update(dict.fromkeys(first_open(query, query.catalogue.newest, n + len(rows)).tolist()))
    return list(rows)[:n]
