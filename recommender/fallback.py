"""The fallback: a list that can always be made, trending → popular → newest; also fills lists that are too short."""

from __future__ import annotations

from civicrec.scenes import Scene
from recommender.candidates.generator import Query
from recommender.candidates.selection import first_open
from recommender.generators import GENERATORS


def fallback_rows(query: Query, scene: Scene, n: int) -> list[int]:
    """Return `n` distinct open rows, fewer only if there are no more.

    The scene of the latest items goes by date alone.
    """
    rows: dict[int, None] = {}
    for source in () if scene.name == "latest" else ("trending", "popular"):
        rows.update(dict.fromkeys(GENERATORS[source].candidates(query, n).rows.tolist()))
    if len(rows) < n:
        # Among the first n + len(rows) of the newest, at least n are new or there are no more.
        rows.update(dict.fromkeys(first_open(query, query.catalogue.newest, n + len(rows)).tolist()))
    return list(rows)[:n]
