"""Candidates by ALS: the actor's history folded into the nightly factors (Hu, Koren & Volinsky 2008, eq. 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommender.candidates.generator import NOTHING, Generator, Query, Scored
from recommender.candidates.selection import best
from recommender.request import Reason
from recommender.scoring import fold_in


def als_candidates(query: Query, n: int) -> Scored:
    """Return the items whose vectors agree most with the folded-in history."""
    placed = query.signals.models
    if placed is None or not query.model_seeds:
        return NOTHING
    scores = placed.als_factors @ fold_in(placed.models, placed.inverse, list(query.model_seeds.values()))
    return best(query, placed.als_rows, scores.astype(np.float64), n)


def als_reasons(query: Query, rows: Sequence[int]) -> dict[int, Reason]:
    """Say that the history is the reason; a vector cannot be told in words."""
    n_seeds = len(query.seeds)
    if not n_seeds:
        return {}
    reason = Reason("als", "根据您的浏览记录推荐", {"model": query.signals.model, "history": n_seeds})
    return dict.fromkeys(rows, reason)


GENERATOR = Generator(
    source="als",
    candidates=als_candidates,
    reasons=als_reasons,
    codes=("als",),
    caption="每日训练的协同过滤模型（ALS）",
    weight=0.15,  # finds what no neighbour names; alone it loses to popularity on short histories
)
