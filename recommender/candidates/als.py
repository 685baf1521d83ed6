"""Candidates by ALS: the actor's history folded into the nightly factors (Hu, Koren & Volinsky 2008, eq. 4)."""

from __future__ import annotations

import numpy as np

from recommender.candidates.scored import NOTHING, Question, Scored, best
from recommender.scoring import fold_in


def als_candidates(question: Question, n: int) -> Scored:
    """Return the items whose vectors agree most with the folded-in history."""
    placed = question.signals.models
    if placed is None or not question.model_voters:
        return NOTHING
    scores = placed.als_factors @ fold_in(placed.models, placed.inverse, list(question.model_voters.values()))
    return best(question, placed.als_rows, scores.astype(np.float64), n)
