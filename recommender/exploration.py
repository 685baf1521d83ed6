"""Exploration: now and then the last place goes to a new item that few have seen, so that it can become known at all.

In: a page, a query and a number drawn for the request. Out: the page, with another last item where it is one's turn.
Only in lists made for one visitor: what is the same for everybody stays so.
"""

from __future__ import annotations

from typing import NamedTuple

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


class Explored(NamedTuple):
    """What became of the last place of a page.

    Attributes
    ----------
    row
        What takes it, ``None`` where it stays as it was.
    propensity
        How likely the draw was to put there what stands there now, and in this way: whoever weighs a click by its
        inverse needs it exactly. 0 where that is not known, and such a place says nothing of other lists.
    """

    row: int | None
    propensity: float


def explored(page: list[int], query: Query, scene: Scene, draw: float) -> Explored:
    """Return what takes the last place of a page.

    It was published within a day, and fewer people interacted with it than a trend needs (`civicrec.crowds`); all such
    are equally likely.

    Parameters
    ----------
    draw
        0 to 1, different for each request; below the scene's share it is one's turn.
    """
    share = scene.explore_share
    if not share or len(page) < MIN_ITEMS:
        return Explored(None, 1.0)
    if draw >= share:
        return Explored(None, 1.0 - share)
    young = first_open(query, newer_than(query, MAX_AGE_DAYS), MAX_DRAWN_FROM)
    is_known = query.scratch
    is_known[young] = 0
    is_known[query.signals.trends.rows] = 1
    is_known[page] = 1
    untried: list[int] = young[is_known[young] == 0].tolist()
    first = int(draw / share * len(untried))
    for nth, row in enumerate((untried[first:] + untried[:first])[:_TRIES]):
        changed = [*page[:-1], row]
        if rerank(changed, query, scene, len(page))[0] == changed:
            # What follows on others that did not fit is likelier than one draw: by how much only trying all would say.
            return Explored(row, 0.0 if nth else share / len(untried))
    return Explored(None, 0.0)
