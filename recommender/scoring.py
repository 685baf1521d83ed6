"""What the trained models say about a history: item-item sums, and an ALS vector for somebody never seen.

In: `Models` and the row numbers of what somebody interacted with. Out: one score per item. Pure numpy, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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


class Ridge(NamedTuple):
    """YᵀY + λI over all item vectors Y, (f, f), and its inverse: needed by every fold-in, made once a model."""

    matrix: NDArray[np.float64]
    inverse: NDArray[np.float64]


def ridge_of(models: Models) -> Ridge:
    """Return the ridge of a model's factors."""
    wide = np.asarray(models.factors, dtype=np.float64)
    # Without regularisation it may have no inverse; the pseudo-inverse serves as well, for a history lies in Y.
    ridge = wide.T @ wide + models.als_regularization * np.eye(wide.shape[1])
    return Ridge(ridge, np.linalg.pinv(ridge, hermitian=True).astype(np.float64, copy=False))


def fold_in(
    models: Models, ridge: Ridge, rows: Sequence[int], weights: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Return the (f,) ALS vector of a user with this history (Hu, Koren & Volinsky 2008, eq. 4).

    Confidence is ``als_alpha * weight`` for what is in the history and 1 for all else, as implicit has it.
    A history of nothing gives zeros.

    Parameters
    ----------
    ridge
        A and A⁻¹ as `ridge_of` makes them.

    Notes
    -----
    Eq. 4 asks for (A + SᵀDS)⁻¹Sᵀc, with the history's k vectors S, their confidences c, and D = diag(c - 1). That
    equals A⁻¹Sᵀ(I + DSA⁻¹Sᵀ)⁻¹c: a system of k equations, not of f.
    Of a history longer than f the equation is solved as it stands.
    """
    seen = models.factors[list(rows)].astype(np.float64)
    confidence = models.als_alpha * (np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64))
    if len(seen) > len(ridge.matrix):
        left, right = ridge.matrix + (seen.T * (confidence - 1.0)) @ seen, seen.T @ confidence
        # Least squares take ten times as long, and are needed only where there may be no single solution.
        long = np.linalg.solve(left, right) if models.als_regularization > 0 else np.linalg.lstsq(left, right)[0]
        return long.astype(np.float32)
    spread = seen @ ridge.inverse
    left = (confidence - 1.0)[:, None] * (spread @ seen.T)
    left.flat[:: len(rows) + 1] += 1.0
    vector: NDArray[np.float32] = (np.linalg.solve(left, confidence) @ spread).astype(np.float32)
    return vector


def als_scores(
    models: Models, ridge: Ridge, rows: Sequence[int], weights: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Return (n_items,) scores of a folded-in history."""
    scores: NDArray[np.float32] = models.factors @ fold_in(models, ridge, rows, weights)
    return scores


def shares_of_best(scores: NDArray[Any], seen: Any) -> NDArray[Any]:
    """Return scores as the blend takes them: shares of the best that was not seen, nothing below 0.

    Parameters
    ----------
    scores
        (…, n_items), of one history or of many.
    seen
        Index of what the history of each holds.

    Examples
    --------
    >>> shares_of_best(np.array([4.0, 2.0, -1.0, 1.0]), [0]).tolist()
    [0.0, 1.0, 0.0, 0.5]
    """
    scores = scores.clip(min=0.0)
    scores[seen] = 0.0
    best = scores.max(axis=-1, keepdims=True, initial=0.0)
    shares: NDArray[Any] = np.divide(scores, best, out=scores, where=best > 0)
    return shares
