"""Item-item models: which item speaks for which other one.

In: `CoOccurrence`. Out: per item its strongest neighbours, their weights, and the actors of each pair.
EASE (Steck 2019, with the dropout of EDLAE, Steck 2020) has a closed form and wins on short histories, but inverts a
dense n_items² matrix: the most active items get it, and a shrunk cosine ties the others to each other and to them. A
pair that fewer than `MIN_ORDERING` actors interacted with speaks for nothing: it would follow the path of one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import inv

from recommender.training.co_occurrence import CoOccurrence

#: Share of a history that EDLAE leaves out at random, in closed form. Chosen on a part of MSWEB's training file: 0.807
#: of hidden pages found, 0.791 with 0, 0.805 with 0.5; on a training part of MovieLens 0.5 and 0.3 are alike.
DROPOUT = 0.33
#: What a cosine counts beside EASE, as a part of the factor that makes pairs of both alike: with the whole factor rare
#: items displace what EASE knows better (nDCG@10 of MovieLens 0.34), with none they have no neighbours.
COSINE_PART = 0.2
#: Penalties tried for EASE, spread evenly on a log scale around the 200 that suits a few 10 000 users.
EASE_L2 = (20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0)
#: Added to the cosine's denominator: pairs seen together by one or two people say little (Bell & Koren 2007).
COSINE_SHRINK = 10.0


class Neighbours(NamedTuple):
    """The strongest neighbours of each item, (n_items, k) each, as `Models` holds them."""

    rows: NDArray[np.int32]
    weights: NDArray[np.float32]
    actors: NDArray[np.int32]


#: Neighbours of one item, their weights, and the actors of each pair.
_Row = tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]


def ease_weights(items: CoOccurrence, l2: float, dropout: float = DROPOUT) -> NDArray[np.float64]:
    """Return B of EASE, (n_active, n_active), zero diagonal; a history's scores are the sum of its rows (eq. 8).

    With ``P = (XᵀWX + l2·I + p/(1-p)·diag(XᵀWX))⁻¹``, ``B[i, j] = -P[i, j] / P[j, j]``. X is binary, p the `dropout`, W
    the weights of histories, here of such a size that they leave the sum of all items as it is.
    """
    precision = items.gram * (items.actors[items.active].sum() / max(np.trace(items.gram), 1.0))
    diagonal = np.diag_indices_from(precision)
    precision[diagonal] += l2 + dropout / (1.0 - dropout) * precision[diagonal]
    # Transposed, which changes nothing, it is as LAPACK wants it, and no copy is made.
    inverse: NDArray[np.float64] = inv(precision.T, overwrite_a=True, check_finite=False, assume_a="pos")
    inverse /= -np.diag(inverse)[None, :]
    np.fill_diagonal(inverse, 0.0)
    return inverse


def neighbours(items: CoOccurrence, l2: float, k: int) -> Neighbours:
    """Return the `k` neighbours with the largest absolute weight of each item: EASE among the most active, else cosine.

    Cosines are brought to the size of EASE's weights, by what pairs of active items have of both.
    """
    n_items, active = len(items.item_ids), items.active
    if n_items == 0:
        return _strongest((), 0, k)
    weights = ease_weights(items, l2)
    place_of = np.full(n_items, -1)
    place_of[active] = np.arange(len(active))
    by_ease, by_cosine = 0.0, 0.0
    if len(active) < n_items:
        for place, item in enumerate(active.tolist()):
            others, cosines, _ = _cosines(items, item)
            places = place_of[others]
            above = (places >= 0) & (weights[place, places] > 0)
            by_ease, by_cosine = by_ease + weights[place, places[above]].sum(), by_cosine + cosines[above].sum()
    factor = COSINE_PART * by_ease / by_cosine if by_cosine else COSINE_PART

    def rows() -> Iterator[_Row]:
        for item in range(n_items):
            others, cosines, common = _cosines(items, item)
            cosines = np.where(common < items.min_actors, 0.0, factor * cosines)
            if (place := place_of[item]) < 0:
                yield others, cosines, common
                continue
            row, shared = weights[place], np.zeros(len(active))
            is_active = place_of[others] >= 0
            shared[place_of[others[is_active]]] = common[is_active]
            row[(shared > 0) & (shared < items.min_actors) & (row > 0)] = 0.0
            rare = ~is_active
            yield np.r_[active, others[rare]], np.r_[row, cosines[rare]], np.r_[shared, common[rare]]

    return _strongest(rows(), n_items, k)


def chance_actors(items: CoOccurrence) -> float:
    """Return by what the shares of two items are multiplied for the actors they share by chance.

    If each item were dealt to actors by how much they interact with, items of n and m actors would share
    ``n m Σd(d - 1) / (Σd)²``, d being the items of an actor: as many as ``n m / actors`` if all had the same d, some
    times that where few make most clicks. To compare with less finds a meaning in every pair of busy readers.
    """
    total, pairs = items.chance
    return float(items.n_actors**2 * pairs / total**2) if total else 0.0


def _cosines(items: CoOccurrence, item: int) -> _Row:
    """Return the items that share actors with this one, their shrunk cosines, and these actors."""
    of_row = slice(items.shared.indptr[item], items.shared.indptr[item + 1])
    others, common = items.shared.indices[of_row], items.shared.data[of_row].astype(np.float64)
    norms = np.sqrt(items.actors[item]) * np.sqrt(items.actors[others])
    return others, common / (norms + COSINE_SHRINK), common


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
