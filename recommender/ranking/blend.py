"""Ranking by blend: each generator's scores, scaled to 0..1, times its weight, added up.

In: candidates per generator. Out: one order with each generator's part of the score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import NOTHING, Query, Scored
from recommender.ranking.named import Named
from recommender.request import Source

#: Scores that differ by less are equal: sums of the same parts in another order.
DECIMALS = 9
_STEPS = 10.0**DECIMALS
#: Half of what a whole number may be.
_LARGEST = 2.0**62


class Blended(NamedTuple):
    """The order of all candidates, and what it is made from.

    Attributes
    ----------
    rows
        Each once, best first.
    scores
        (n,) score of each of them, falling.
    named, contributions
        Who named what, and what each candidate of a generator adds to its row's score.
    """

    rows: list[int]
    scores: NDArray[np.float64]
    named: Named
    contributions: NDArray[np.float64]

    def parts_of(self, query: Query, rows: Sequence[int]) -> dict[int, dict[Source, float]]:
        """Return row → generator → its part of the score; nothing for a row that none named."""
        parts: dict[int, dict[Source, float]] = {row: {} for row in rows}
        for row, source, place in self.named.by(query, rows):
            parts[row][source] = float(self.contributions[place])
        return parts

    def features_of(self, rows: Sequence[int]) -> dict[int, dict[str, tuple[float, float]]]:
        """Return nothing: no features are weighed."""
        return {}


def blend(
    query: Query, candidates: Mapping[Source, Scored], weights: Mapping[Source, float], learned: object = None
) -> Blended:
    """Merge candidates; the best of each generator gets its whole weight, the others their share of it.

    Equal scores go by time, the newest first, then by id: never by who asks.
    """
    named = Named.of(candidates)
    if not named.sources:
        return Blended([], NOTHING.scores, named, NOTHING.scores)
    contributions = np.concatenate([
        candidates[source].scores * (weights[source] / candidates[source].scores[0]) for source in named.sources
    ])  # fmt: skip
    place_of, places = query.scratch, np.arange(len(named.rows), dtype=np.int32)
    place_of[named.rows] = places
    place_of_row = place_of[named.rows]
    once = (place_of_row == places).nonzero()[0]
    rows = named.rows[once]
    scores, order = in_order(query, rows, np.bincount(place_of_row, contributions, minlength=len(places))[once])
    return Blended(rows[order].tolist(), scores[order], named, contributions)


def in_order(
    query: Query, rows: NDArray[np.int64], scores: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the scores rounded to `DECIMALS`, and their falling order; equal ones go by time, then by id.

    Of rounded scores and places whole numbers are made that hold both, so that one sort does.
    """
    steps = np.rint(scores * _STEPS)
    scores, places = steps / _STEPS, query.catalogue.places[rows]
    n_places = len(query.catalogue)
    if abs(steps).max(initial=0.0) < _LARGEST / n_places:
        return scores, (places - steps.astype(np.int64) * n_places).argsort()
    newest_first = places.argsort()
    return scores, newest_first[(-scores[newest_first]).argsort(kind="stable")]


def distinct(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows, at least one, once each and ascending: a third of the cost of `numpy.unique`."""
    ascending = np.sort(rows)
    is_first = np.empty(len(rows), bool)
    is_first[0] = True
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    return ascending[is_first]
