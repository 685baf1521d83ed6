"""What the trained models say about a history: item-item votes, and an ALS vector for somebody never seen.

In: `Models` and the row numbers of what somebody turned to. Out: one score per item. Pure numpy, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.artifacts import Models


def item_item_scores(
    models: Models, rows: Sequence[int], weights: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Return (n_items,) scores: the weighted sum of the history's rows of the item-item model.

    Examples
    --------
    A history of nothing scores every item 0.
    """
    scores = np.zeros(len(models.item_ids), dtype=np.float32)
    shares = np.ones(len(rows)) if weights is None else weights
    for row, share in zip(rows, shares, strict=True):
        near = models.neighbours[row]
        there = near >= 0
        scores[near[there]] += np.float32(share) * models.neighbour_weights[row][there]
    return scores


def gram(factors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the (f, f) sum of outer products of all item vectors: YᵀY, needed by every fold-in, made once a model."""
    wide = np.asarray(factors, dtype=np.float64)
    made: NDArray[np.float64] = wide.T @ wide
    return made


def fold_in(
    models: Models, yty: NDArray[np.float64], rows: Sequence[int], weights: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Return the (f,) ALS vector of a user with this history (Hu, Koren & Volinsky 2008, eq. 4).

    Confidence is ``als_alpha * weight`` for what is in the history and 1 for all else, as implicit has it.
    A history of nothing gives zeros.
    """
    n_factors = yty.shape[0]
    if not len(rows):
        return np.zeros(n_factors, dtype=np.float32)
    seen = np.asarray(models.factors[list(rows)], dtype=np.float64)
    confidence = models.als_alpha * (np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64))
    left = yty + (seen.T * (confidence - 1.0)) @ seen + models.als_regularization * np.eye(n_factors)
    return np.linalg.solve(left, seen.T @ confidence).astype(np.float32)


def als_scores(
    models: Models, yty: NDArray[np.float64], rows: Sequence[int], weights: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Return (n_items,) scores of a folded-in history."""
    scores: NDArray[np.float32] = models.factors @ fold_in(models, yty, rows, weights)
    return scores
