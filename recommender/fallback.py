"""The fallback: a list that can always be made, trending → popular → newest; also fills lists that are too short."""

from __future__ import annotations

from collections.abc import Iterable

from civicrec.scenes import Scene
from recommender.candidates.popular import popular_candidates
from recommender.candidates.scored import Question, first_open
from recommender.candidates.trending import trending_candidates


def fallback_rows(question: Question, scene: Scene, n: int) -> list[int]:
    """Return `n` distinct open rows, fewer only if there are no more.

    The scene of the latest items goes by date alone.
    """
    orders: Iterable[list[int]] = (
        () if scene.name == "latest"
        else (order(question, n).rows.tolist() for order in (trending_candidates, popular_candidates))
    )  # fmt: skip
    found: dict[int, None] = {}
    for rows in orders:
        found.update(dict.fromkeys(rows))
    if len(found) < n:
        # Among the first n + found of the newest, at least n are new or there are no more.
        found.update(dict.fromkeys(first_open(question, question.catalogue.newest, n + len(found)).tolist()))
    return list(found)[:n]
