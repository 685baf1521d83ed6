"""Re-ranking for variety: no theme takes more than its share of a page, as《算法推荐管理规定》asks.

In: rows, best first. Out: the same rows; the first n keep the rule as far as the pool allows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TypeVar

from recommender.candidates.generator import Query
from recommender.scenes.scene import Scene

Kind = TypeVar("Kind", bound=Hashable)


def diversify_themes(rows: Sequence[int], query: Query, scene: Scene, n: int) -> tuple[list[int], list[int]]:
    """Diversify a list of `n` by the themes of its items, to the share that the scene allows."""
    return diversify(rows, query.catalogue.themes, n, scene.max_topic_share)


def diversify(
    rows: Sequence[int], themes: Sequence[tuple[int, ...]], n: int, max_share: float
) -> tuple[list[int], list[int]]:
    """Move items behind the page whose theme already has its share of it.

    Parameters
    ----------
    themes
        Row → theme numbers; an item without themes is never moved.
    max_share
        Largest share of one theme among `n` items, 0..1; at least one item of a theme may always stand.

    Returns
    -------
    tuple
        The page, at most `n` rows that keep the rule, and all others: those moved first, in their old order, so
        that they fill the page if it must be filled.

    Examples
    --------
    >>> diversify([0, 1, 2, 3], [(7,), (7,), (8,), ()], n=3, max_share=0.4)
    ([0, 2, 3], [1])
    """
    most = most_of(max_share, n)
    return limited(rows, themes.__getitem__, lambda _: most, n)


def most_of(share: float, n: int) -> int:
    """Return how many of a page of `n` a share is; at least one may always stand."""
    return max(1, int(share * n + 1e-9))


def limited(
    rows: Sequence[int], kinds_of: Callable[[int], Collection[Kind]], most: Callable[[Kind], int], n: int
) -> tuple[list[int], list[int]]:
    """Move items behind the page one of whose kinds has as many there as it may; answers as `diversify` does."""
    taken: dict[Kind, int] = {}
    full: set[Kind] = set()
    page: list[int] = []
    moved: list[int] = []
    for place, row in enumerate(rows):
        if len(page) == n:
            return page, [*moved, *rows[place:]]
        kinds = kinds_of(row)
        if full.isdisjoint(kinds):
            page.append(row)
            for kind in kinds:
                taken[kind] = taken.get(kind, 0) + 1
                if taken[kind] >= most(kind):
                    full.add(kind)
        else:
            moved.append(row)
    return page, moved
