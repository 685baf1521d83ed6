"""Exploration: now and then the last place goes to a new item that few have seen, so that it can become known at all.

In: a page, a query and a number drawn for the request. Out: the page, with another last item where it is one's turn.
Only in lists made for one visitor: what is the same for everybody stays so.
"""

from __future__ import annotations

from recommender.candidates.fresh import newer_than
from recommender.candidates.generator import Query
from recommender.candidates.selection import first_open
from recommender.request import Source
from recommender.reranking.rerankers import rerank
from recommender.scenes.scene import Scene

#: Source of an item that stands in a list for this reason; no generator's name.
EXPLORATION: Source = "exploration"
#: What is older has had its chance.
MAX_AGE_DAYS = 1.0
#: Newest of them that are drawn from.
MAX_DRAWN_FROM = 500
#: Shorter lists have no place to give away.
MIN_ITEMS = 4
#: Items tried before a list stays as it is: one may break a rule of the scene, such as the share of its theme.
_TRIES = 3


def explored(page: list[int], query: Query, scene: Scene, draw: float) -> int | None:
    """Return what takes the last place of a page, ``None`` where nothing does.

    It was published within a day, and fewer people interacted with it than a trend needs (`civicrec.crowds`); all such
    are equally likely.

    Parameters
    ----------
    draw
        0 to 1, different for each request; below the scene's share it is one's turn.
    """
    if draw >= scene.explore_share or len(page) < MIN_ITEMS:
        return None
    young = first_open(query, newer_than(query, MAX_AGE_DAYS), MAX_DRAWN_FROM)
    is_known = query.scratch
    is_known[young] = 0
    is_known[query.signals.trends.rows] = 1
    is_known[page] = 1
    untried: list[int] = young[is_known[young] == 0].tolist()
    first = int(draw / scene.explore_share * len(untried))
    for row in (untried[first:] + untried[:first])[:_TRIES]:
        changed = [*page[:-1], row]
        if rerank(changed, query, scene, len(page))[0] == changed:
            return row
    return None
