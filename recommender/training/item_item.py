"""Item-item models: which item speaks for which other one.

In: a CSR matrix (n_users, n_items). Out: per item its strongest neighbours, their weights, and the actors of each pair.
EASE (Steck 2019, with the dropout of EDLAE, Steck 2020) has a closed form and wins on short histories, but inverts a
dense n_items² matrix: the most active items get it, and a shrunk cosine ties the others to each other and to them. A
pair that fewer than `MIN_ORDERING` actors interacted with speaks for nothing: it would follow the path of one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import diags

from civicrec.crowds import MIN_ORDERING

#: The most active items, which get EASE: 4 000² doubles are 128 MB, and two are held.
MAX_EASE_ITEMS = 4_000
#: Share of a history that EDLAE leaves out at random, in closed form. Chosen on a part of MSWEB's training file: 0.807
#: of hidden pages found, 0.791 with 0, 0.805 with 0.5; on a training part of MovieLens 0.5 and 0.3 are alike.
DROPOUT = 0.33
#: A history of n items weighs n to this power in EASE: what many items of one reader say, they say together. Chosen on
#: a part of MSWEB's training file (rank score of hidden pages 63.4, with 0 63.2); on MovieLens the two are alike.
HISTORY_POWER = -0.5
#: What a cosine counts beside EASE, as a part of the factor that makes pairs of both alike: with the whole factor rare
#: items displace what EASE knows better (nDCG@10 of MovieLens 0.34), with none they have no neighbours.
COSINE_PART = 0.2
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


def ease_weights(user_items: Any, l2: float, dropout: float = DROPOUT) -> NDArray[np.float64]:
    """Return B of EASE, (n_items, n_items), zero diagonal; a history's scores are the sum of its rows (eq. 8).

    With ``P = (XᵀWX + l2·I + p/(1-p)·diag(XᵀWX))⁻¹``, ``B[i, j] = -P[i, j] / P[j, j]``. X is binary, p the `dropout`, W
    the weights of histories, which leave the sum of all items as it is.
    """
    ones = binary(user_items)
    sizes = np.diff(ones.tocsr().indptr).astype(np.float64)
    weights = sizes.clip(1.0) ** HISTORY_POWER
    weights *= sizes.sum() / max(weights @ sizes, 1e-9)
    precision = (ones.T @ diags(weights) @ ones).toarray()
    diagonal = np.diag_indices_from(precision)
    precision[diagonal] += l2 + dropout / (1.0 - dropout) * precision[diagonal]
    factor = cho_factor(precision, lower=True, overwrite_a=True, check_finite=False)
    inverse: NDArray[np.float64] = cho_solve(factor, np.eye(len(factor[0])), overwrite_b=True, check_finite=False)
    inverse /= -np.diag(inverse)[None, :]
    np.fill_diagonal(inverse, 0.0)
    return inverse


def neighbours(
    user_items: Any, l2: float, k: int, *, max_ease_items: int = MAX_EASE_ITEMS, min_actors: int = MIN_ORDERING
) -> Neighbours:
    """Return the `k` neighbours with the largest absolute weight of each item: EASE among the most active, else cosine.

    Cosines are brought to the size of EASE's weights, by what pairs of active items have of both.
    """
    n_items = user_items.shape[1]
    if n_items == 0:
        return _strongest((), 0, k)
    actors = np.asarray(binary(user_items).sum(axis=0)).ravel()
    active = np.sort(np.argsort(-actors, kind="stable")[:max_ease_items])
    weights = ease_weights(user_items[:, active], l2)
    place_of = np.full(n_items, -1)
    place_of[active] = np.arange(len(active))
    by_ease, by_cosine = 0.0, 0.0
    if len(active) < n_items:
        for place, (items, cosines, _) in enumerate(_cosine_rows(binary(user_items[:, active]), 0)):
            above = cosines * (weights[place, items] > 0)
            by_ease, by_cosine = by_ease + weights[place, items[above > 0]].sum(), by_cosine + above.sum()
    factor = COSINE_PART * by_ease / by_cosine if by_cosine else COSINE_PART

    def rows() -> Iterator[_Row]:
        for item, (items, cosines, common) in enumerate(_cosine_rows(binary(user_items), min_actors)):
            if (place := place_of[item]) < 0:
                yield items, factor * cosines, common
                continue
            row, shared = weights[place], np.zeros(len(active))
            is_active = place_of[items] >= 0
            shared[place_of[items[is_active]]] = common[is_active]
            row[(shared > 0) & (shared < min_actors) & (row > 0)] = 0.0
            rare = ~is_active
            yield (
                np.r_[active, items[rare]],
                np.r_[row, factor * cosines[rare]],
                np.r_[shared, common[rare]],
            )

    return _strongest(rows(), n_items, k)


def chance_actors(user_items: Any) -> float:
    """Return by what the shares of two items are multiplied for the actors they share by chance.

    If each item were dealt to actors by how much they interact with, items of n and m actors would share
    ``n m Σd(d - 1) / (Σd)²``, d being the items of an actor: as many as ``n m / actors`` if all had the same d, some
    times that where few make most clicks. To compare with less finds a meaning in every pair of busy readers.
    """
    sizes = np.diff(user_items.tocsr().indptr).astype(np.float64).clip(max=_MOST_ITEMS)
    total = sizes.sum()
    return float(len(sizes) ** 2 * (sizes * (sizes - 1)).sum() / total**2) if total else 0.0


def _cosine_rows(ones: Any, min_actors: int) -> Iterator[_Row]:
    item_users, users_items = ones.T.tocsr(), ones.tocsr()
    norms = np.sqrt(np.asarray(ones.sum(axis=0)).ravel())
    for start in range(0, item_users.shape[0], _BLOCK):
        together = (item_users[start : start + _BLOCK] @ users_items).tocsr()
        together.sort_indices()
        for place in range(together.shape[0]):
            of_row = slice(together.indptr[place], together.indptr[place + 1])
            items, common = together.indices[of_row], together.data[of_row]
            weights = common / (norms[start + place] * norms[items] + COSINE_SHRINK)
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
