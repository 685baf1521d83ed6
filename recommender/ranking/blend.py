"""Ranking by blend: each generator's scores, scaled to 0..1, times its weight, added up.

In: candidates per generator. Out: one order with each generator's part of the score.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from civicrec.scenes import Scene
from recommender.candidates.scored import NOTHING, Question, Scored, places_of
from recommender.request import Source

#: What each generator's best candidate is worth. Sizes are relative to the nightly item-item model.
WEIGHTS: dict[Source, float] = {
    "related": 1.2,  # an editor's link is knowledge, not a guess
    "item_item": 1.0,  # the best single model on short histories (MSWEB recall@10: 0.777, ALS and popular far less)
    "co_click": 0.6,  # the only collaborative word on items younger than the last nightly run
    "tags": 0.5,  # works from the first click on, for items nobody has clicked yet
    "trending": 0.25,  # orders what is otherwise equal, and leads for strangers
    "fresh": 0.2,  # three quarters of news clicks go to articles younger than a day
    "als": 0.15,  # finds what no neighbour names; alone it loses to popularity on short histories
    "popular": 0.05,  # a tie-break: the item-item model already knows what is popular
}

#: Scenes whose name promises an order.
SCENE_WEIGHTS: dict[str, dict[Source, float]] = {
    "hot": {"trending": 1.0, "popular": 0.01},
    "latest": {"fresh": 1.0},
}

#: Scores that differ by less are equal: sums of the same parts in another order.
_DECIMALS = 9


class Blended(NamedTuple):
    """The order of all candidates, and what it is made from.

    Attributes
    ----------
    rows
        Each once, best first.
    named, given
        Candidates of one generator after the other, and the part each got of its row's score.
    sources, ends
        Those generators, and where in `named` their candidates end.
    """

    rows: list[int]
    named: NDArray[np.int64]
    given: NDArray[np.float64]
    sources: tuple[Source, ...]
    ends: list[int]

    def parts_of(self, question: Question, rows: Sequence[int]) -> dict[int, dict[Source, float]]:
        """Return row → generator → its part of the score; nothing for a row that none named."""
        parts: dict[int, dict[Source, float]] = {row: {} for row in rows}
        places = places_of(question, rows, self.named)
        for place, row, part in zip(
            places.tolist(), self.named[places].tolist(), self.given[places].tolist(), strict=True
        ):
            parts[row][self.sources[bisect(self.ends, place)]] = part
        return parts


def weights_of(scene: Scene) -> dict[Source, float]:
    """Return the generators that a scene asks, with their weights."""
    return SCENE_WEIGHTS.get(scene.name, WEIGHTS)


def blend(question: Question, found: Mapping[Source, Scored], weights: Mapping[Source, float]) -> Blended:
    """Merge candidates; the best of each generator gets its whole weight, the others their share of it.

    Equal scores go by time, the newest first, then by id: never by who asks.
    """
    heard = {source: scored for source, scored in found.items() if len(scored.rows)}
    if not heard:
        return Blended([], NOTHING.rows, NOTHING.scores, (), [])
    named = np.concatenate([scored.rows for scored in heard.values()])
    given = np.concatenate([
        scored.scores * (weights[source] / scored.scores[0]) for source, scored in heard.items()
    ])  # fmt: skip
    rows, column_of = distinct(named), question.scratch
    column_of[rows] = np.arange(len(rows), dtype=np.int32)
    scores = np.bincount(column_of[named], given).round(_DECIMALS)
    newest_first = question.catalogue.places[rows].argsort()
    order = newest_first[(-scores[newest_first]).argsort(kind="stable")]
    ends = list(accumulate(len(scored.rows) for scored in heard.values()))
    return Blended(rows[order].tolist(), named, given, tuple(heard), ends)


def distinct(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows, at least one, once each and ascending: a third of the cost of `numpy.unique`."""
    ascending = np.sort(rows)
    is_first = np.empty(len(rows), bool)
    is_first[0] = True
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    return ascending[is_first]
