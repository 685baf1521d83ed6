"""Ranking by blend: each generator's scores, scaled to 0..1, times its weight, added up.

In: candidates per generator. Out: one order with each generator's part of the score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from civicrec.scenes import Scene
from recommender.candidates.scored import NOTHING, Scored, distinct_of
from recommender.request import Source

#: What each generator's best candidate is worth. Sizes are relative to the nightly item-item model.
WEIGHTS: dict[Source, float] = {
    "related": 1.2,  # an editor's link is knowledge, not a guess
    "item_item": 1.0,  # the best single model on short histories (MSWEB recall@10: 0.777, ALS and popular far less)
    "co_click": 0.6,  # the only collaborative word on items younger than the last nightly run
    "tags": 0.5,  # works from the first click on, for items nobody has clicked yet
    "trending": 0.25,  # orders what is otherwise equal, and leads for strangers
    "fresh": 0.2,  # three quarters of news clicks go to articles younger than a day
    "als": 0.15,  # finds what no neighbour names; alone it loses to popularity on short histories
    "popular": 0.05,  # a tie-break: the item-item model already knows what is popular
}

#: Scenes whose name promises an order.
SCENE_WEIGHTS: dict[str, dict[Source, float]] = {
    "hot": {"trending": 1.0, "popular": 0.01},
    "latest": {"fresh": 1.0},
}

#: Far below any real difference: only equal scores are told apart by the seed.
_JITTER = 1e-9


class Blended(NamedTuple):
    """Rows, best first, with their scores and, a line for each source, that generator's part (same order)."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    sources: tuple[Source, ...]
    parts: NDArray[np.float64]

    def parts_at(self, place: int) -> dict[Source, float]:
        """Return the parts of the row at this place, of the generators that named it."""
        return {source: part for source, part in zip(self.sources, self.parts[:, place].tolist(), strict=True) if part}


def weights_of(scene: Scene) -> dict[Source, float]:
    """Return the generators that a scene asks, with their weights."""
    return SCENE_WEIGHTS.get(scene.name, WEIGHTS)


def blend(found: Mapping[Source, Scored], weights: Mapping[Source, float], rng: np.random.Generator) -> Blended:
    """Merge candidates; the best of each generator gets its whole weight, the others their share of it."""
    heard = {source: scored for source, scored in found.items() if len(scored.rows)}
    rows, place = distinct_of(np.concatenate([NOTHING.rows, *(scored.rows for scored in heard.values())]))
    parts, start = np.zeros((len(heard), len(rows))), 0
    for part, (source, scored) in zip(parts, heard.items(), strict=True):
        end = start + len(scored.rows)
        part[place[start:end]] = weights[source] * scored.scores / scored.scores[0]
        start = end
    scores = parts.sum(axis=0)
    order = (-(scores + _JITTER * rng.random(len(rows)))).argsort(kind="stable")
    return Blended(rows[order], scores[order], tuple(heard), parts[:, order])
