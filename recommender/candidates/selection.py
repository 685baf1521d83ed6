"""Choosing among scored rows at a cost that follows the candidates, not the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import Query, Scored


def best(query: Query, rows: NDArray[np.int64], scores: NDArray[Any], n: int) -> Scored:
    """Return the `n` best of those rows that are open and have a score above 0; no two of these may be equal."""
    scores = scores * query.open_rows[rows]
    # Most are far behind and need no order.
    least = np.partition(scores, -n)[-n] if len(scores) > 2 * n else 0.0
    ahead = (scores >= least if least > 0 else scores > 0).nonzero()[0]
    rows, scores = rows[ahead], scores[ahead].astype(np.float64, copy=False)
    order = falling(scores, rows)[:n]
    return Scored(rows[order], scores[order])


def falling(scores: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order of falling scores; equal scores go by row."""
    order = (-scores).argsort()
    ordered = scores[order]
    if (ordered[1:] == ordered[:-1]).any():  # else their order is settled, at a third of the cost of `numpy.lexsort`
        by_row = rows.argsort()
        order = by_row[(-scores[by_row]).argsort(kind="stable")]
    return order


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
