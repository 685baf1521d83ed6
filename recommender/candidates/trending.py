"""Candidates by trend: what is clicked most now, hour buckets decayed."""

from __future__ import annotations

from recommender.candidates.scored import Question, Scored, best

#: Less than what one click of this moment weighs is no trend.
MIN_TREND_WEIGHT = 1.0
#: Only so many can be called hot.
MAX_TRENDING = 200


def trending_candidates(question: Question, n: int) -> Scored:
    """Return the items with the largest decayed weight."""
    trends = question.signals.trends
    rows, weights = trends.rows[:MAX_TRENDING], trends.weights[:MAX_TRENDING]
    hot = weights >= MIN_TREND_WEIGHT
    return best(question, rows[hot], weights[hot], n)
