"""Candidates by popularity: what most actors of the training window interacted with."""

from __future__ import annotations

import numpy as np

from recommender.candidates.scored import NOTHING, Question, Scored, first_open


def popular_candidates(question: Question, n: int) -> Scored:
    """Return the items most actors interacted with."""
    placed = question.signals.models
    if placed is None:
        return NOTHING
    rows = first_open(question, placed.popular, n)
    return Scored(rows, placed.models.popularity[placed.model_of_row[rows]].astype(np.float64))
