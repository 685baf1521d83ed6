"""Candidates by ALS: the actor's history folded into the nightly factors (Hu, Koren & Volinsky 2008, eq. 4)."""

from __future__ import annotations

import numpy as np

from recommender.candidates.scored import NOTHING, Question, Scored, best
from recommender.scoring import fold_in


def als_candidates(question: Question, n: int) -> Scored:
    """Return the items whose vectors agree most with the folded-in history."""
    placed = question.signals.models
    if placed is None or not len(placed.als_model_rows):
        return NOTHING
    known = placed.known(list(question.voters))
    if not known:
        return NOTHING
    scores = placed.als_factors @ fold_in(placed.models, placed.yty, known)
    return best(question, placed.row_of_model[placed.als_model_rows], scores.astype(np.float64), n)
