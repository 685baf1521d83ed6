"""Interactions: (actor, item) weights as the matrix that models learn from.

In: rows (actor, item, weight, time), as `civicrec.warehouse.interests` gives them. Out: `Interactions`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


@dataclass(frozen=True, slots=True)
class Interactions:
    """One row per (user, item) pair, no pair twice.

    Attributes
    ----------
    n_users
        Actors with at least one pair; their names are not kept, no model needs them.
    item_ids
        Column number → item id, sorted.
    users, items
        int32 numbers of each pair, in order of user.
    weights
        float32 > 0, at most `MAX_PAIR_WEIGHT`.
    last_ms
        int64 epoch ms of the pair's newest event.
    """

    n_users: int
    item_ids: tuple[str, ...]
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    weights: NDArray[np.float32]
    last_ms: NDArray[np.int64]

    def user_items(self) -> Any:
        """Return the weights as a CSR matrix (n_users, n_items)."""
        return csr_matrix((self.weights, (self.users, self.items)), shape=(self.n_users, len(self.item_ids)))

    def kept(self, mask: NDArray[np.bool_]) -> Interactions:
        """Return the same users and items with only the pairs of the mask."""
        pairs = (self.users[mask], self.items[mask], self.weights[mask], self.last_ms[mask])
        return Interactions(self.n_users, self.item_ids, *pairs)

    def over(self, item_ids: tuple[str, ...]) -> Interactions:
        """Return the same pairs with the columns of more items, sorted; pairs of other items are left out."""
        column_of = {item_id: column for column, item_id in enumerate(item_ids)}
        columns = np.array([column_of.get(item_id, -1) for item_id in self.item_ids], np.int32)
        there = self.kept(columns[self.items] >= 0)
        return replace(there, item_ids=item_ids, items=columns[there.items])

    def fingerprint(self) -> str:
        """Return 16 hex digits that change when any pair, weight or item id does."""
        digest = hashlib.sha256("\n".join(self.item_ids).encode())
        for array in (self.users, self.items, self.weights, self.last_ms):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def interactions_from(table: pa.Table, known: Collection[str] | None = None) -> tuple[Interactions, int]:
    """Build the matrix from a table with actor, item_id, weight and last_ms.

    Parameters
    ----------
    table
        Ordered by actor; each pair once.
    known
        Item ids that may be learned (the catalogue's); ``None`` means all.

    Returns
    -------
    interactions, n_unknown
        The matrix, and how many item ids were left out because `known` does not hold them.
    """
    seen_ids = pc.unique(table.column("item_id")).to_pylist()
    item_ids = tuple(sorted(seen_ids if known is None else set(seen_ids) & set(known)))
    column = pc.index_in(table.column("item_id"), value_set=pa.array(item_ids, type=table.schema.field("item_id").type))
    table = table.append_column("column", column).filter(pc.is_valid(column))
    actors = table.column("actor").combine_chunks().dictionary_encode()
    codes = actors.indices if isinstance(actors, pa.DictionaryArray) else actors.chunk(0).indices
    interactions = Interactions(
        n_users=len(pc.unique(table.column("actor"))),
        item_ids=item_ids,
        users=codes.to_numpy(zero_copy_only=False).astype(np.int32),
        items=table.column("column").to_numpy().astype(np.int32),
        weights=table.column("weight").to_numpy().astype(np.float32),
        last_ms=table.column("last_ms").to_numpy().astype(np.int64),
    )
    return interactions, len(seen_ids) - len(item_ids)


def interactions_of(pairs: Mapping[tuple[str, str], tuple[float, int]]) -> Interactions:
    """Build the matrix from (actor, item id) → (weight, epoch ms of the newest event), in any order."""
    ordered = sorted(pairs.items())
    table = pa.table({
        "actor": pa.array([actor for (actor, _), _ in ordered], pa.string()),
        "item_id": pa.array([item_id for (_, item_id), _ in ordered], pa.string()),
        "weight": pa.array([weight for _, (weight, _) in ordered], pa.float64()),
        "last_ms": pa.array([last_ms for _, (_, last_ms) in ordered], pa.int64()),
    })  # fmt: skip
    return interactions_from(table)[0]
