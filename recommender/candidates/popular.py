"""Candidates by popularity: what most actors of the training window interacted with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommender.candidates.generator import NOTHING, Generator, Query, Scored
from recommender.candidates.selection import first_open
from recommender.request import Reason


def popular_candidates(query: Query, n: int) -> Scored:
    """Return the items most actors interacted with."""
    placed = query.signals.models
    if placed is None:
        return NOTHING
    rows = first_open(query, placed.popular, n)
    return Scored(rows, placed.models.popularity[placed.model_of_row[rows]].astype(np.float64))


def popular_reasons(query: Query, rows: Sequence[int]) -> dict[int, Reason]:
    """Tell the share of actors."""
    placed = query.signals.models
    if placed is None:
        return {}
    shares, run = placed.models.popularity[placed.model_of_row[list(rows)]].tolist(), placed.models.run
    return {
        row: Reason("popular", "大家常看", {"share": round(share, 6), "model": run})
        for row, share in zip(rows, shares, strict=True)
    }


GENERATOR = Generator(
    source="popular",
    candidates=popular_candidates,
    reasons=popular_reasons,
    codes=("popular",),
    caption="训练期内浏览人数较多",
    weight=0.05,  # a tie-break: the item-item model already knows what is popular
)
