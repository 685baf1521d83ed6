"""Candidates by popularity: what most actors of the training window interacted with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommender.artifacts import RECENT_DAYS
from recommender.candidates.generator import GENERAL, NOTHING, Generator, Query, Scored
from recommender.candidates.selection import first_open
from recommender.request import Reason


def popular_candidates(query: Query, n: int) -> Scored:
    """Return the items most actors interacted with."""
    placed = query.signals.models
    if placed is None:
        return NOTHING
    rows = first_open(query, placed.popular, n)
    return Scored(rows, placed.models.popularity[placed.model_of_row[rows]].astype(np.float64))


def popular_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Tell how many used a service in the last week, where that is much; and whose share of all actors is large."""
    placed = query.signals.models
    if placed is None:
        return {}
    models, busy, often = placed.models, placed.busy, placed.often
    reasons: dict[int, list[Reason]] = {}
    for row in rows:
        if not (row in busy or row in often):
            continue
        place = placed.model_of_row[row]
        of_row = []
        if row in busy:
            evidence = {"actors": int(models.recent_actors[place]), "within_days": RECENT_DAYS, "model": models.run}
            of_row.append(Reason("popular", "近一周查询办理较多", evidence))
        if row in often:
            share = round(float(models.popularity[place]), 6)
            of_row.append(Reason("popular", "大家常看", {"share": share, "model": models.run}))
        reasons[row] = of_row
    return reasons


GENERATOR = Generator(
    source="popular",
    candidates=popular_candidates,
    reasons=popular_reasons,
    codes=("popular",),
    credibility=GENERAL,
    tells_of_any=True,
    caption="训练期内浏览人数较多",
    weight=0.05,  # a tie-break: the item-item model already knows what is popular
)
