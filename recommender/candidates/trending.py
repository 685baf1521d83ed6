"""Candidates by trend: what is clicked most now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommender.candidates.generator import GENERAL, Generator, Query, Scored
from recommender.request import Reason
from recommender.trends import Trends

#: Less is no trend: some four clicks of six hours ago, or thirty of yesterday.
MIN_TREND_WEIGHT = 0.1
#: Only so many can be called hot.
MAX_TRENDING = 200
#: So many may be called hot however small the catalogue is.
MIN_HOT = 10


def trending_candidates(query: Query, n: int) -> Scored:
    """Return the items with the largest weight."""
    trends = query.signals.trends
    hot = trends.rows[: len(trends.once(_places))]
    places = query.open_rows.take(hot).nonzero()[0][:n]
    return Scored(trends.rows[places], trends.weights[places])


def trending_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Tell each item's rank among what is clicked, and its weight, of the first tenth of the catalogue."""
    trends = query.signals.trends
    place_of, n_hot = trends.once(_places), min(MAX_TRENDING, max(MIN_HOT, len(query.catalogue) // 10))
    return {
        row: [Reason("trending", "近期热门", {"rank": place + 1, "weight": round(float(trends.weights[place]), 3)})]
        for row in rows
        if (place := place_of.get(row, n_hot)) < n_hot
    }


def _places(trends: Trends) -> dict[int, int]:
    """Return row → place of what may be called hot."""
    n_hot = np.count_nonzero(trends.weights[:MAX_TRENDING] >= MIN_TREND_WEIGHT)
    return {row: place for place, row in enumerate(trends.rows[:n_hot].tolist())}


GENERATOR = Generator(
    source="trending",
    candidates=trending_candidates,
    reasons=trending_reasons,
    codes=("trending",),
    credibility=GENERAL,
    tells_of_any=True,
    caption="最近数小时点击较多",
    weight=0.1,  # orders what is otherwise equal, and leads for strangers; news have a scene of their own
)
