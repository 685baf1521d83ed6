"""Candidates by age: what was published in the last days, newest first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.scored import Question, Scored, first_open
from recommender.catalogue import EVER_MS, Catalogue

FRESH_DAYS = 7
#: News live about a day (median item age at a click 20 h), so a day halves the say.
FRESH_HALF_LIFE_DAYS = 1.0
_DAY_MS = 86_400_000


def fresh_candidates(question: Question, n: int) -> Scored:
    """Return the items published in the last `FRESH_DAYS`, newer ones scored higher."""
    catalogue, now_ms = question.catalogue, question.now_ms
    first, last = np.searchsorted(_falling(catalogue), [-now_ms, FRESH_DAYS * _DAY_MS - now_ms])
    rows = first_open(question, catalogue.newest[first:last], n)
    age_days = (now_ms - catalogue.published_ms[rows]) / _DAY_MS
    return Scored(rows, np.exp2(-age_days / FRESH_HALF_LIFE_DAYS))


def _falling(catalogue: Catalogue) -> NDArray[np.int64]:
    """Return minus the times of publication in the order of `Catalogue.newest`, which is ascending."""
    falling: NDArray[np.int64] | None = catalogue.memo.get("falling")
    if falling is None:
        falling = catalogue.memo["falling"] = -catalogue.published_ms[catalogue.newest].clip(min=EVER_MS + 1)
    return falling
