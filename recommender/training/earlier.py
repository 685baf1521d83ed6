"""The models in force, asked about tonight's held-out clicks. In: `Models` and tonight's columns. Out: a scorer."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from civicrec.clock import PORTAL_TZ, to_ms
from recommender.artifacts import Models
from recommender.generators import als_share
from recommender.scoring import als_scores, item_item_scores, ridge_of, shares_of_best
from recommender.training.holdout import Scorer


def learned_until_ms(models: Models) -> int | None:
    """Return the end of the last day the models learned from, ``None`` if they do not say it."""
    try:
        day = date.fromisoformat(models.manifest.day)
    except ValueError:
        return None
    return to_ms(datetime.combine(day + timedelta(days=1), time(), PORTAL_TZ))


def earlier_scorer(models: Models, item_ids: tuple[str, ...]) -> Scorer:
    """Return what scores histories over `item_ids` as these models do, item-item and ALS together as lists have them.

    Items the models do not know score 0, as what nobody would be offered.
    """
    row_of = {item_id: row for row, item_id in enumerate(models.item_ids)}
    rows = np.array([row_of.get(item_id, -1) for item_id in item_ids], np.int64)
    known = rows >= 0
    ridge = ridge_of(models)
    emphasis = (models.manifest.emphasis or {}).get("als", 1.0)
    share = als_share(emphasis)

    def score(histories: Any) -> NDArray[np.float64]:
        scores = np.zeros(histories.shape)
        for place in range(histories.shape[0]):
            history = histories[place]
            seen = [(int(rows[one]), float(weight)) for one, weight in zip(history.indices, history.data, strict=True)]
            seen = [(row, weight) for row, weight in seen if row >= 0]
            if not seen:
                continue
            own, weights = [row for row, _ in seen], [weight for _, weight in seen]
            near = shares_of_best(item_item_scores(models, own).astype(np.float64), own)
            near += share * shares_of_best(als_scores(models, ridge, own, weights).astype(np.float64), own)
            scores[place, known] = near[rows[known]]
        return scores

    return score
