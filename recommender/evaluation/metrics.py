"""Measures of a ranked list against what somebody really interacted with next.

In: item ids in the order shown, and the wanted ones. Out: numbers from 0 to 1. Ranks are counted from 0 inside.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

#: Half of the readers still look at the place with this number (Breese, Heckerman & Kadie 1998, §3.1, counted from 1).
BREESE_HALF_LIFE = 5


def recall_at(ranked: Sequence[str], wanted: Collection[str], k: int) -> float:
    """Return the share of wanted items among the first `k`; 0 when nothing is wanted.

    Examples
    --------
    >>> recall_at(["a", "b", "c"], {"b", "z"}, 2)
    0.5
    """
    return len(set(ranked[:k]) & set(wanted)) / len(wanted) if wanted else 0.0


def is_hit(ranked: Sequence[str], wanted: Collection[str], k: int) -> bool:
    """Say whether any wanted item stands among the first `k`."""
    return any(item in wanted for item in ranked[:k])


def reciprocal_rank(ranked: Sequence[str], wanted: Collection[str], k: int) -> float:
    """Return 1 / place of the first wanted item among the first `k`, 0 if there is none."""
    return next((1.0 / place for place, item in enumerate(ranked[:k], start=1) if item in wanted), 0.0)


def ndcg_at(ranked: Sequence[str], wanted: Collection[str], k: int) -> float:
    """Return the binary normalised discounted cumulative gain of the first `k` (Järvelin & Kekäläinen 2002)."""
    gain = sum(1.0 / math.log2(place + 1) for place, item in enumerate(ranked[:k], start=1) if item in wanted)
    best = sum(1.0 / math.log2(place + 1) for place in range(1, min(k, len(wanted)) + 1))
    return gain / best if best else 0.0


def breese_score(ranked: Sequence[str], wanted: Collection[str], half_life: int = BREESE_HALF_LIFE) -> float:
    """Return Breese's half-life utility as a share of the best possible, 0..1.

    An item at place j (from 1) is worth ``2 ** (-(j - 1) / (half_life - 1))``. Averaged over test users with one
    wanted item each and multiplied by 100 this is the rank score of the paper. A cut list scores a little less
    than the whole ranking would.
    """
    worth = [2.0 ** (-place / (half_life - 1)) for place in range(max(len(ranked), len(wanted)))]
    best = sum(worth[: len(wanted)])
    return sum(worth[place] for place, item in enumerate(ranked) if item in wanted) / best if best else 0.0
