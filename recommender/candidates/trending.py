"""Candidates by trend: what is clicked most now, hour buckets decayed."""

from __future__ import annotations

import numpy as np

from recommender.candidates.scored import Question, Scored

#: Less than what one click of this moment weighs is no trend.
MIN_TREND_WEIGHT = 1.0
#: Only so many can be called hot.
MAX_TRENDING = 200


def trending_candidates(question: Question, n: int) -> Scored:
    """Return the items with the largest decayed weight."""
    trends = question.signals.trends
    n_hot = np.count_nonzero(trends.weights[:MAX_TRENDING] >= MIN_TREND_WEIGHT)
    places = question.open_rows[trends.rows[:n_hot]].nonzero()[0][:n]
    return Scored(trends.rows[places], trends.weights[places])
