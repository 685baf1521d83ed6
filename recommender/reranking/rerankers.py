"""Re-rankers: each orders a list as a whole. A scene names those that act on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from recommender.candidates.generator import Query
from recommender.reranking.diversify import diversify_themes
from recommender.reranking.quotas import first_types, quotas
from recommender.scenes.scene import Scene


class Reranker(Protocol):
    """Changes the order of rows, inventing none and losing none."""

    def __call__(self, rows: Sequence[int], query: Query, scene: Scene, n: int) -> tuple[list[int], list[int]]:
        """Return at most `n` rows that keep its rule, and all others, those that fill the list first."""
        ...


RERANKERS: Mapping[str, Reranker] = {
    "diversify": diversify_themes,
    "quotas": quotas,
    "first_types": first_types,
}


def rerank(rows: Sequence[int], query: Query, scene: Scene, n: int) -> tuple[list[int], list[int]]:
    """Let the scene's re-rankers act one after the other, the last one having the last word."""
    if not scene.rerankers:
        return list(rows[:n]), list(rows[n:])
    for name in scene.rerankers:
        page, others = RERANKERS[name](rows, query, scene, n)
        rows = [*page, *others]
    return page, others
