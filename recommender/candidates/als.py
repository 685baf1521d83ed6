"""Candidates by ALS: the actor's history folded into the nightly factors (Hu, Koren & Volinsky 2008, eq. 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import NOTHING, TASTE, Generator, Query, Scored
from recommender.candidates.selection import best
from recommender.request import Reason
from recommender.scoring import fold_in

#: Items of the history before anything is called a taste.
MIN_HISTORY = 5
#: Share of the best score, which an item of the history itself mostly has.
CLEAR = 0.25


def als_candidates(query: Query, n: int) -> Scored:
    """Return the items whose vectors agree most with the folded-in history."""
    placed = query.signals.models
    if placed is None or not query.model_seeds:
        return NOTHING
    return best(query, placed.als_rows, query.once(_scores), n)


def als_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Say that the history is the reason, where it is long enough to show a taste and the model is clear about it."""
    placed = query.signals.models
    if placed is None or len(query.model_seeds) < MIN_HISTORY:
        return {}
    scores = query.once(_scores)
    clear = CLEAR * float(scores.max(initial=0.0))
    evidence = {"model": query.signals.model, "history": len(query.seeds)}
    reason = Reason("als", "根据您的浏览记录推荐", evidence)
    places = placed.als_rows.searchsorted(list(rows))
    places[places == len(placed.als_rows)] = 0
    return {
        row: [reason]
        for row, als_row, score in zip(rows, placed.als_rows[places].tolist(), scores[places].tolist(), strict=True)
        if als_row == row and score > 0 and score >= clear
    }


def _scores(query: Query) -> NDArray[np.float32]:
    """Return what the folded-in history gives each of `PlacedModels.als_rows`."""
    placed = query.signals.models
    if placed is None:
        return np.zeros(0, np.float32)
    vector = fold_in(placed.models, placed.ridge, list(query.model_seeds.values()))
    scores: NDArray[np.float32] = placed.als_factors @ vector
    return scores


GENERATOR = Generator(
    source="als",
    candidates=als_candidates,
    reasons=als_reasons,
    codes=("als",),
    credibility=TASTE,
    caption="每日训练的协同过滤模型（ALS）",
    weight=0.15,  # finds what no neighbour names; alone it loses to popularity on short histories
)
