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

from recommender.candidates.generator import NOTHING, Query, Scored
from recommender.candidates.selection import places_of
from recommender.request import Source

#: Scores that differ by less are equal: sums of the same parts in another order.
_DECIMALS = 9


class Blended(NamedTuple):
    """The order of all candidates, and what it is made from.

    Attributes
    ----------
    rows
        Each once, best first.
    scores
        (n,) score of each of them, falling.
    candidates, contributions
        Candidates of one generator after the other, and what each adds to its row's score.
    sources, ends
        Those generators, and where in `candidates` theirs end.
    """

    rows: list[int]
    scores: NDArray[np.float64]
    candidates: NDArray[np.int64]
    contributions: NDArray[np.float64]
    sources: tuple[Source, ...]
    ends: list[int]

    def parts_of(self, query: Query, rows: Sequence[int]) -> dict[int, dict[Source, float]]:
        """Return row → generator → its part of the score; nothing for a row that none named."""
        parts: dict[int, dict[Source, float]] = {row: {} for row in rows}
        places = places_of(query, rows, self.candidates)
        for place, row, part in zip(
            places.tolist(), self.candidates[places].tolist(), self.contributions[places].tolist(), strict=True
        ):
            parts[row][self.sources[bisect(self.ends, place)]] = part
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
    scored = {source: of_source for source, of_source in candidates.items() if len(of_source.rows)}
    if not scored:
        return Blended([], NOTHING.scores, NOTHING.rows, NOTHING.scores, (), [])
    all_rows = np.concatenate([of_source.rows for of_source in scored.values()])
    contributions = np.concatenate([
        of_source.scores * (weights[source] / of_source.scores[0]) for source, of_source in scored.items()
    ])  # fmt: skip
    rows, column_of = distinct(all_rows), query.scratch
    column_of[rows] = np.arange(len(rows), dtype=np.int32)
    scores = np.bincount(column_of[all_rows], contributions).astype(np.float64, copy=False).round(_DECIMALS)
    newest_first = query.catalogue.places[rows].argsort()
    order = newest_first[(-scores[newest_first]).argsort(kind="stable")]
    ends = list(accumulate(len(of_source.rows) for of_source in scored.values()))
    return Blended(rows[order].tolist(), scores[order], all_rows, contributions, tuple(scored), ends)


def distinct(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows, at least one, once each and ascending: a third of the cost of `numpy.unique`."""
    ascending = np.sort(rows)
    is_first = np.empty(len(rows), bool)
    is_first[0] = True
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    return ascending[is_first]
