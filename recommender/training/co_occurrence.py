"""Co-occurrence: how many actors interacted with both of two items, which is all that item-item models learn from.

In: `Interactions`, or `PairCounts` that were made where the events are. Out: `CoOccurrence`. All of it are sums over
actors of whole numbers: counted apart and in any order they are the same to the last digit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags, vstack

from civicrec.crowds import MIN_ORDERING
from civicrec.warehouse.co_occurrence import MOST_ITEMS, PairCounts, weight_of
from recommender.artifacts import RECENT_DAYS
from recommender.training.interactions import Interactions

#: The most active items, which get EASE: 4 000² doubles are 128 MB, and two are held.
MAX_EASE_ITEMS = 4_000
#: Items whose co-occurrences are counted at once.
_BLOCK = 500
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class CoOccurrence:
    """What actors interacted with together.

    Attributes
    ----------
    item_ids
        Row number → item id, sorted.
    n_actors
        How many there are.
    actors, recent_actors
        (n_items,) int64 of each item, and of those whose last interaction with it lies in the last `RECENT_DAYS`.
    active
        Rows of the items that get EASE, ascending.
    shared
        (n_items, n_items) CSR of int32, symmetric, without diagonal: the actors of a pair, unless they are fewer than
        `min_actors` and one of the two is not active.
    gram
        (n_active, n_active) float64, whole numbers: the same of active items, each actor counted by `weight_of`.
    chance
        Σd and Σd(d - 1), d being the items of an actor, at most `MOST_ITEMS`.
    """

    item_ids: tuple[str, ...]
    n_actors: int
    actors: NDArray[np.int64]
    recent_actors: NDArray[np.int64]
    active: NDArray[np.int64]
    shared: Any
    gram: NDArray[np.float64]
    chance: tuple[int, int]
    min_actors: int

    def without(self, histories: Any, left: Any) -> CoOccurrence:
        """Return the sums once of these actors' histories only this is left, of the same pairs; for hold-outs.

        Parameters
        ----------
        histories, left
            CSR (n, n_items) of the same actors.
        """
        whole, rest = _ones(histories), _ones(left)
        change = _counts(rest) - _counts(whole)
        gram = self.gram.copy()
        moved = (_weighed(rest[:, self.active]) - _weighed(whole[:, self.active])).tocoo()
        gram[moved.row, moved.col] += moved.data
        shared = (self.shared + change.multiply(self.shared > 0)).astype(np.int32)
        actors = self.actors + change.diagonal().astype(np.int64)
        return replace(self, actors=actors, shared=_without_zeros(shared), gram=gram)

    def fingerprint(self) -> str:
        """Return 16 hex digits that change when any count or item id does."""
        digest = hashlib.sha256("\n".join((*self.item_ids, repr((self.n_actors, self.chance)))).encode())
        for array in (self.actors, self.recent_actors, self.shared.indptr, self.shared.indices, self.shared.data,
                      self.gram):  # fmt: skip
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def by_activity(actors: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return rows of items, those of the most actors first, of as many the one whose id is smaller."""
    return np.argsort(-actors.astype(np.int64), kind="stable")


def co_occurrence_of(
    data: Interactions, max_active: int = MAX_EASE_ITEMS, min_actors: int = MIN_ORDERING
) -> CoOccurrence:
    """Count in memory."""
    ones = _ones(data.user_items())
    n_items = len(data.item_ids)
    actors = np.asarray(ones.sum(axis=0)).ravel().astype(np.int64)
    since_ms = data.last_ms.max(initial=0) - RECENT_DAYS * _DAY_MS
    active = np.sort(by_activity(actors)[:max_active])
    sizes = np.diff(ones.indptr).astype(np.int64).clip(max=MOST_ITEMS)
    return CoOccurrence(
        item_ids=data.item_ids,
        n_actors=data.n_users,
        actors=actors,
        recent_actors=np.bincount(data.items[data.last_ms > since_ms], minlength=n_items).astype(np.int64),
        active=active,
        shared=_shared(ones, active, min_actors),
        gram=_weighed(ones[:, active]).toarray(),
        chance=(int(sizes.sum()), int((sizes * (sizes - 1)).sum())),
        min_actors=min_actors,
    )


def co_occurrence_from(item_ids: tuple[str, ...], counts: PairCounts) -> CoOccurrence:
    """Take what was counted elsewhere, of items numbered as `by_activity` has them."""
    rows, n_items = by_activity(counts.item_actors), len(item_ids)
    active = np.sort(rows[: counts.max_active])
    one, other = rows[counts.one], rows[counts.other]
    apart = one != other
    there, back, shared = one[apart], other[apart], counts.actors[apart].astype(np.int32)
    pairs = (np.r_[shared, shared], (np.r_[there, back], np.r_[back, there]))
    place_of = np.full(n_items, -1)
    place_of[active] = np.arange(len(active))
    gram = np.zeros((len(active), len(active)))
    among = (place_of[one] >= 0) & (place_of[other] >= 0)
    one, other, weights = place_of[one[among]], place_of[other[among]], counts.weights[among]
    gram[one, other] = gram[other, one] = weights
    return CoOccurrence(
        item_ids, counts.n_actors, counts.item_actors, counts.recent_actors, active,
        csr_matrix(pairs, shape=(n_items, n_items)), gram, counts.chance, counts.min_actors,
    )  # fmt: skip


def _ones(user_items: Any) -> Any:
    """Return the matrix with every weight 1, however often an actor came back."""
    ones = user_items.tocsr().astype(np.float64)
    ones.data = np.ones_like(ones.data)
    return ones


def _counts(ones: Any) -> Any:
    return (ones.T @ ones).tocsr()


def _weighed(ones: Any) -> Any:
    weights = weight_of(np.diff(ones.tocsr().indptr))
    return (ones.T @ diags(weights) @ ones).tocsr()


def _shared(ones: Any, active: NDArray[np.int64], min_actors: int) -> Any:
    n_items = ones.shape[1]
    is_active = np.zeros(n_items, bool)
    is_active[active] = True
    item_users, blocks = ones.T.tocsr(), []
    for start in range(0, n_items, _BLOCK):
        together = (item_users[start : start + _BLOCK] @ ones).tocoo()
        one, other = together.row + start, together.col
        kept = (one != other) & ((together.data >= min_actors) | (is_active[one] & is_active[other]))
        part = (together.data[kept].astype(np.int32), (together.row[kept], other[kept]))
        blocks.append(coo_matrix(part, shape=together.shape).tocsr())
    return _without_zeros(vstack(blocks, "csr") if blocks else csr_matrix((0, 0), dtype=np.int32))


def _without_zeros(matrix: Any) -> Any:
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix
