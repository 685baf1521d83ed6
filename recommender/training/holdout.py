"""The held-out slice: the newest or some items of some users, hidden from training, asked for afterwards.

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
#: Of a long history that chooses knobs a tenth is hidden, so many items at most, drawn at random: a few hundred people
#: tell knobs apart only by several items each, and the newest ones tell of the moment, which live signals know better.
_SHARE, _MOST = 10, 10
_BLOCK = 500

#: From a CSR matrix of histories (n, n_items) to dense scores of the same shape.
Scorer = Callable[[Any], NDArray[np.floating[Any]]]


@dataclass(frozen=True, slots=True)
class Holdout:
    """A training part and two sets of users with hidden items.

    Attributes
    ----------
    train
        All pairs but the hidden ones.
    choose, report
        (n, 2) int32 of (user, hidden item), disjoint users; each of `report` hides its newest.
    report_ms
        (n,) int64, when the hidden interactions of `report` were, epoch ms.
    """

    train: Interactions
    choose: NDArray[np.int32]
    report: NDArray[np.int32]
    report_ms: NDArray[np.int64]

    @property
    def n_choosing(self) -> int:
        """How many users choose."""
        return len(np.unique(self.choose[:, 0]))


def hold_out(data: Interactions, seed: int, max_users: int = MAX_USERS) -> Holdout:
    """Hide of up to `max_users` users that have two items the newest (ties: the larger id), of long histories some."""
    order = np.lexsort((data.items, data.last_ms, data.users))
    last = np.flatnonzero(np.r_[np.diff(data.users[order]) != 0, True]) if len(order) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[-1, last])
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(np.flatnonzero(sizes >= 2))[:max_users]
    choosing, reporting = np.split(drawn, [len(drawn) // 2])
    places = [last[user] - _hidden(int(sizes[user]), rng) for user in choosing.tolist()]
    chosen, reported = order[np.concatenate([*places, np.zeros(0, np.int64)])], order[last[reporting]]
    mask = np.ones(len(data.users), dtype=bool)
    mask[chosen] = mask[reported] = False
    pairs = np.stack([data.users, data.items], axis=1).astype(np.int32)
    return Holdout(data.kept(mask), pairs[chosen], pairs[reported], data.last_ms[reported])


def _hidden(size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return how far from the end of a history that chooses each hidden item stands."""
    n = min(size // _SHARE, _MOST)
    return rng.choice(size, n, replace=False) if n >= 2 else np.zeros(1, np.int64)


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
