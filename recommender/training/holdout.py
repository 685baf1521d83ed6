"""The held-out slice: the newest item of some users, hidden from training, asked for afterwards.

In: `Interactions`. Out: what may be trained on, and the hidden pairs. Choosing a knob and reporting a figure use
different users, so the figure is honest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.training.interactions import Interactions

#: Enough for a standard error of recall below 0.01.
MAX_USERS = 4_000
_BLOCK = 500

#: From a CSR matrix of histories (n, n_items) to dense scores of the same shape.
Scorer = Callable[[Any], NDArray[np.floating[Any]]]


@dataclass(frozen=True, slots=True)
class Holdout:
    """A training part and two sets of users, each with one hidden item.

    Attributes
    ----------
    train
        All pairs but the hidden ones.
    choose, report
        (n, 2) int32 of (user, hidden item), disjoint users.
    report_ms
        (n,) int64, when the hidden interactions of `report` were, epoch ms.
    """

    train: Interactions
    choose: NDArray[np.int32]
    report: NDArray[np.int32]
    report_ms: NDArray[np.int64]


def hold_out(data: Interactions, seed: int, max_users: int = MAX_USERS) -> Holdout:
    """Hide the newest item (ties: the larger id) of up to `max_users` users that have at least two."""
    order = np.lexsort((data.items, data.last_ms, data.users))
    last = np.flatnonzero(np.r_[np.diff(data.users[order]) != 0, True]) if len(order) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[-1, last])
    candidates = order[last[sizes >= 2]]
    chosen = np.random.default_rng(seed).permutation(candidates)[:max_users]
    mask = np.ones(len(data.users), dtype=bool)
    mask[chosen] = False
    pairs = np.stack([data.users[chosen], data.items[chosen]], axis=1).astype(np.int32)
    half = len(pairs) // 2
    return Holdout(data.kept(mask), pairs[:half], pairs[half:], data.last_ms[chosen[half:]])


def recall(train: Any, hidden: NDArray[np.int32], score: Scorer, k: int = 10) -> float:
    """Return the share of hidden items that `hits` finds."""
    return float(hits(train, hidden, score, k).mean()) if len(hidden) else 0.0


def hits(train: Any, hidden: NDArray[np.int32], score: Scorer, k: int = 10) -> NDArray[np.bool_]:
    """Say of each hidden item whether it is among the first `k` that `score` ranks, what was seen left out.

    An item with the same score as the hidden one stands before it, so constant scores gain nothing.
    """
    is_hit = np.zeros(len(hidden), bool)
    for start in range(0, len(hidden), _BLOCK):
        users, items = hidden[start : start + _BLOCK].T
        histories = train[users]
        scores = np.array(score(histories), dtype=np.float64)
        target = scores[np.arange(len(users)), items].copy()
        scores[histories.nonzero()] = -np.inf
        is_hit[start : start + len(users)] = np.sum(scores >= target[:, None], axis=1) <= k
    return is_hit
