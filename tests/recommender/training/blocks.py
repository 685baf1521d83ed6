"""A population with a known answer: blocks of users who interact with the items of their own block only."""

from typing import Any

import numpy as np
import pyarrow as pa

from recommender.training.interactions import Interactions, interactions_from

N_BLOCKS, USERS, ITEMS = 3, 40, 8


def item(block: int, place: int) -> str:
    return f"b{block}-{place}"


def block_pairs() -> list[tuple[str, str]]:
    """Each user has all items of the block but one. Block 0 has three times the users, so its items are popular."""
    return [
        (f"u{block}-{user:03}", item(block, place))
        for block in range(N_BLOCKS)
        for user in range(USERS * (3 if block == 0 else 1))
        for place in range(ITEMS)
        if place != user % ITEMS
    ]


def table_of(pairs: list[tuple[str, str]], weight: float = 1.0) -> pa.Table:
    ordered = sorted(set(pairs))
    return pa.table({
        "actor": pa.array([user for user, _ in ordered], pa.string()),
        "item_id": pa.array([one for _, one in ordered], pa.string()),
        "weight": pa.array(np.full(len(ordered), weight)),
        # Any order but that of the ids, so that the newest items are not the same for everybody.
        "last_ms": pa.array(np.random.default_rng(0).permutation(len(ordered)).astype(np.int64)),
    })  # fmt: skip


def blocks() -> Interactions:
    return interactions_from(table_of(block_pairs()))[0]


def interactions_in(user_items: Any) -> Interactions:
    """Return the pairs of a CSR matrix; the last column's are the newest."""
    pairs = user_items.tocoo()
    item_ids = tuple(f"i{column:04}" for column in range(pairs.shape[1]))
    order = np.lexsort((pairs.col, pairs.row))
    users, items, weights = (one[order] for one in (pairs.row, pairs.col, pairs.data))
    columns = (users.astype(np.int32), items.astype(np.int32), weights.astype(np.float32), items.astype(np.int64))
    return Interactions(pairs.shape[0], item_ids, *columns)
