"""Choosing among scored rows at a cost that follows the candidates, not the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import Query, Scored


def best(query: Query, rows: NDArray[np.int64], scores: NDArray[Any], n: int) -> Scored:
    """Return the `n` best of those rows that are open and have a score above 0; no two of these may be equal."""
    scores, least = scores * query.open_rows.take(rows), 0.0
    if len(scores) > 2 * n:  # most are far behind and need no order
        parted = scores.copy()
        parted.partition(len(parted) - n)
        least = parted[-n]
    ahead = (scores >= least if least > 0 else scores > 0).nonzero()[0]
    return _falling(rows.take(ahead), scores.take(ahead).astype(np.float64, copy=False), n)


def _falling(rows: NDArray[np.int64], scores: NDArray[np.float64], n: int) -> Scored:
    """Return the first `n` by falling scores; equal scores go by row."""
    order = (-scores).argsort()
    ordered = scores.take(order)
    if np.count_nonzero(ordered[1:] == ordered[:-1]):  # else their order is settled, at a third of `numpy.lexsort`
        by_row = rows.argsort()
        order = by_row.take((-scores.take(by_row)).argsort(kind="stable"))
    return Scored(rows.take(order[:n]), ordered[:n])


def first_open(query: Query, order: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the first `n` open rows of an order, looking no further than needed."""
    reach = n + n // 4 + 16
    while True:
        head = order[:reach]
        is_open = head[query.open_rows[head]]
        if len(is_open) >= n or reach >= len(order):
            return is_open[:n]
        reach *= 4


def summed(query: Query, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the scores of equal rows at one of their places, and 0 at the others."""
    place_of = query.scratch
    place_of[rows] = np.arange(len(rows), dtype=np.int32)
    return np.bincount(place_of[rows], scores, minlength=len(rows)).astype(np.float64, copy=False)


def places_of(query: Query, wanted: Sequence[int], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all places in `rows` at which a wanted row stands."""
    is_wanted = query.scratch
    is_wanted[rows] = 0
    is_wanted[list(wanted)] = 1
    return is_wanted[rows].nonzero()[0]
