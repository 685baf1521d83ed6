"""Item-item models: which item speaks for which other one.

In: a CSR matrix (n_users, n_items). Out: per item its strongest neighbours, their weights, and the actors of each pair.
EASE (Steck 2019) has a closed form and wins on short histories, but inverts a dense n_items² matrix;
larger catalogues get a shrunk cosine. A pair that fewer than `K_ANONYMITY` actors interacted with speaks for nothing:
it would tell the path of one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from civicrec.crowds import K_ANONYMITY

#: Above this, the dense matrix of EASE no longer fits a small server: 5 000² doubles are 200 MB, and two are held.
MAX_EASE_ITEMS = 5_000
#: Penalties tried for EASE, spread evenly on a log scale around the 200 that suits a few 10 000 users.
EASE_L2 = (20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0)
#: Added to the cosine's denominator: pairs seen together by one or two people say little (Bell & Koren 2007).
COSINE_SHRINK = 10.0
#: Items whose co-occurrences are held at once.
_BLOCK = 500

#: Of an actor with more items only so many count towards what pairs share by chance: one crawler must not explain all.
_MOST_ITEMS = 500


class Neighbours(NamedTuple):
    """The strongest neighbours of each item, (n_items, k) each, as `Models` holds them."""

    rows: NDArray[np.int32]
    weights: NDArray[np.float32]
    actors: NDArray[np.int32]


#: Neighbours of one item, their weights, and the actors of each pair.
_Row = tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]


def binary(user_items: Any) -> Any:
    """Return the matrix with every weight 1, however often an actor came back."""
    ones = user_items.astype(np.float64)
    ones.data = np.ones_like(ones.data)
    return ones


def ease_weights(user_items: Any, l2: float) -> NDArray[np.float64]:
    """Return B of EASE, (n_items, n_items), zero diagonal; a history's scores are the sum of its rows (eq. 8).

    With ``P = (XᵀX + l2·I)⁻¹``, ``B[i, j] = -P[i, j] / P[j, j]``. X is binary.
    """
    ones = binary(user_items)
    precision = (ones.T @ ones).toarray()
    precision[np.diag_indices_from(precision)] += l2
    factor = cho_factor(precision, lower=True, overwrite_a=True, check_finite=False)
    inverse: NDArray[np.float64] = cho_solve(factor, np.eye(len(factor[0])), overwrite_b=True, check_finite=False)
    inverse /= -np.diag(inverse)[None, :]
    np.fill_diagonal(inverse, 0.0)
    return inverse


def ease(user_items: Any, l2: float, k: int, min_actors: int = K_ANONYMITY) -> Neighbours:
    """Return the `k` neighbours with the largest absolute EASE weight of each item."""
    weights, ones = ease_weights(user_items, l2), binary(user_items)
    together = (ones.T @ ones).tocsr()

    def rows() -> Iterator[_Row]:
        everything = np.arange(len(weights))
        for place, row in enumerate(weights):
            of_row = slice(together.indptr[place], together.indptr[place + 1])
            shared = np.zeros(len(row))
            shared[together.indices[of_row]] = together.data[of_row]
            row[(shared > 0) & (shared < min_actors) & (row > 0)] = 0.0
            yield everything, row, shared

    return _strongest(rows(), len(weights), k)


def cosine(user_items: Any, k: int, shrink: float = COSINE_SHRINK, min_actors: int = K_ANONYMITY) -> Neighbours:
    """Return the `k` neighbours with the largest shrunk cosine of each item."""
    return _strongest(_cosine_rows(binary(user_items), shrink, min_actors), user_items.shape[1], k)


def chance_actors(user_items: Any) -> float:
    """Return by what the shares of two items are multiplied for the actors they share by chance.

    If each item were dealt to actors by how much they interact with, items of n and m actors would share
    ``n m Σd(d - 1) / (Σd)²``, d being the items of an actor: as many as ``n m / actors`` if all had the same d, some
    times that where few make most clicks. To compare with less finds a meaning in every pair of busy readers.
    """
    sizes = np.diff(user_items.tocsr().indptr).astype(np.float64).clip(max=_MOST_ITEMS)
    total = sizes.sum()
    return float(len(sizes) ** 2 * (sizes * (sizes - 1)).sum() / total**2) if total else 0.0


def _cosine_rows(ones: Any, shrink: float, min_actors: int) -> Iterator[_Row]:
    item_users, users_items = ones.T.tocsr(), ones.tocsr()
    norms = np.sqrt(np.asarray(ones.sum(axis=0)).ravel())
    for start in range(0, item_users.shape[0], _BLOCK):
        together = (item_users[start : start + _BLOCK] @ users_items).tocsr()
        together.sort_indices()
        for place in range(together.shape[0]):
            of_row = slice(together.indptr[place], together.indptr[place + 1])
            items, common = together.indices[of_row], together.data[of_row]
            weights = common / (norms[start + place] * norms[items] + shrink)
            weights[(items == start + place) | (common < min_actors)] = 0.0
            yield items, weights, common


def _strongest(rows: Iterable[_Row], n_items: int, k: int) -> Neighbours:
    """Keep the `k` largest absolute weights of each row; ties go to the smaller number, so data decides the file."""
    width = min(k, n_items)
    near = np.full((n_items, width), -1, np.int32)
    kept = np.zeros((n_items, width), np.float32)
    actors = np.zeros((n_items, width), np.int32)
    for place, (items, weights, shared) in enumerate(rows):
        order = np.argsort(-np.abs(weights), kind="stable")[:width]
        order = order[weights[order] != 0]
        near[place, : len(order)] = items[order]
        kept[place, : len(order)] = weights[order]
        actors[place, : len(order)] = shared[order]
    return Neighbours(near, kept, actors)
