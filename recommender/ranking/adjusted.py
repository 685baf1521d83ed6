"""An order changed by factors: what editors lift, and what this visitor should see later.

In: an order and factors of some rows. Out: the order by score times factor, with parts that add up to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import Query
from recommender.ranking.rankers import Ordered
from recommender.request import Source


class Adjusted(NamedTuple):
    """The order of all candidates after factors.

    Attributes
    ----------
    rows
        Each once, best first.
    scores
        (n,) score of each of them, falling.
    ranked
        The order before.
    factors
        Row → what its score and its parts are multiplied by.
    """

    rows: list[int]
    scores: NDArray[np.float64]
    ranked: Ordered
    factors: Mapping[int, float]

    def parts_of(self, query: Query, rows: Sequence[int]) -> dict[int, dict[Source, float]]:
        """Return row → generator → its part of the score; nothing for a row that none named."""
        parts_of = self.ranked.parts_of(query, rows)
        for row in self.factors.keys() & parts_of.keys():
            factor = self.factors[row]
            parts_of[row] = {source: part * factor for source, part in parts_of[row].items()}
        return parts_of

    def features_of(self, rows: Sequence[int]) -> dict[int, dict[str, tuple[float, float]]]:
        """Return row → feature → its value and what it adds to the score before factors."""
        return self.ranked.features_of(rows)


def adjusted(query: Query, ranked: Ordered, factors: Mapping[int, float]) -> Ordered:
    """Return the order by score times factor; equal scores stay in the order they had."""
    if not (factors and ranked.rows):
        return ranked
    rows = np.array(list(factors), np.int64)
    place_of = query.scratch
    place_of[rows] = -1
    place_of[ranked.rows] = np.arange(len(ranked.rows), dtype=np.int32)
    places = place_of[rows]
    here = places >= 0
    if not here.any():
        return ranked
    scores = ranked.scores.copy()
    scores[places[here]] *= np.array(list(factors.values()))[here]
    order = (-scores).argsort(kind="stable")
    return Adjusted(np.array(ranked.rows)[order].tolist(), scores[order], ranked, factors)
