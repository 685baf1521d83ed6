"""Ranking by what was learned: a weight for each feature, then trees among the best; before that, by blend.

In: candidates per generator, and what the nightly run learned of the scene. Out: one order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import Query, Scored
from recommender.ranking.blend import DECIMALS, Blended, blend, in_order
from recommender.ranking.features import (
    FEATURES,
    SOURCE_OF,
    TREE_INPUTS,
    Features,
    features_of,
    reader_of,
    tree_inputs,
)
from recommender.ranking.named import Named
from recommender.request import Source
from recommender.signals import Learned

#: Candidates, the best by weights, that trees re-order: a page and what may come before it.
MAX_REORDERED = 40
#: Name under which an explanation says what trees change.
TREES = "trees"

_NUMBER_OF: Mapping[Source, int] = {source: number for number, source in enumerate(dict.fromkeys(SOURCE_OF.values()))}
#: (features, generators) 1 where a feature counts towards a generator's part.
_COUNTS_TOWARDS = np.array([[SOURCE_OF[name] == source for source in _NUMBER_OF] for name in FEATURES], np.float64)


class Weighed(NamedTuple):
    """The order of all candidates, and what it is made from.

    Attributes
    ----------
    rows
        Each once, best first.
    scores
        (n,) score of each of them, falling to 0: features times weights, less the least of these sums; of those that
        trees re-order, what the trees say, raised so far that no other stands above them.
    features
        Of all candidates.
    weights
        (features,) of each feature.
    named
        Who named what.
    reordered
        Row → what trees added to its score, of those they re-ordered.
    """

    rows: list[int]
    scores: NDArray[np.float64]
    features: Features
    weights: NDArray[np.float64]
    named: Named
    reordered: Mapping[int, float] = {}

    def parts_of(self, query: Query, rows: Sequence[int]) -> dict[int, dict[Source, float]]:
        """Return row → generator that named it → what its features add to the score, at least 0."""
        parts_of: dict[int, dict[Source, float]] = {row: {} for row in rows}
        sums = self._values(rows) @ (self.weights[:, None] * _COUNTS_TOWARDS)
        of_rows = dict(zip(rows, sums.clip(min=0.0).tolist(), strict=True))
        for row, source, _ in self.named.by(query, rows):
            number = _NUMBER_OF.get(source)
            parts_of[row][source] = 0.0 if number is None else of_rows[row][number]
        return parts_of

    def features_of(self, rows: Sequence[int]) -> dict[int, dict[str, tuple[float, float]]]:
        """Return row → feature → its value and what it adds to the score, of the features that are not 0.

        What trees changed stands beside them as `TREES`.
        """
        values = self._values(rows)
        pairs = np.stack([values, values * self.weights], axis=-1).tolist()
        features = {
            row: {name: (value, part) for name, (value, part) in zip(FEATURES, of_row, strict=True) if value}
            for row, of_row in zip(rows, pairs, strict=True)
        }
        for row in self.reordered.keys() & features.keys():
            features[row][TREES] = (1.0, self.reordered[row])
        return features

    def _values(self, rows: Sequence[int]) -> NDArray[np.float64]:
        """Return (rows, features): zeros for what is no candidate."""
        places = np.searchsorted(self.features.rows, rows)
        places[places == len(self.features.rows)] = 0
        is_candidate: NDArray[np.bool_] = self.features.rows[places] == rows
        return np.where(is_candidate[:, None], self.features.values[places], 0.0)


def linear(
    query: Query, candidates: Mapping[Source, Scored], weights: Mapping[Source, float], learned: Learned | None = None
) -> Blended | Weighed:
    """Order candidates by the learned weights of features, then the best of them by trees; ties go by time, then by id.

    Where one of the sums is no number the scene's declared weights order. Trees that ask for other features than there
    are, because another version grew them, change nothing.
    """
    ordered = None if learned is None else _weighed(query, candidates, learned)
    return blend(query, candidates, weights) if ordered is None else ordered


def _weighed(query: Query, candidates: Mapping[Source, Scored], learned: Learned) -> Weighed | None:
    """Order by what was learned; ``None`` where there is nothing to order, or a sum is no number."""
    named = Named.of(candidates)
    if not named.sources:
        return None
    features = features_of(query, candidates)
    of_feature = np.array([learned.weights.get(name, 0.0) for name in FEATURES])
    utilities = features.values @ of_feature
    if not np.isfinite(utilities).all():
        return None
    utilities, order = in_order(query, features.rows, utilities)
    scores = utilities[order] - utilities.min()
    changes: dict[int, float] = {}
    if learned.forest is not None and learned.forest.inputs == TREE_INPUTS:
        best = order[:MAX_REORDERED]
        inputs = tree_inputs(features.values[best], utilities[best], reader_of(query))
        among, raised = _by_trees(learned.forest.scores(inputs))
        raised += scores[len(best)] if len(best) < len(scores) else 0.0
        best, before = best[among], scores[among]
        changes = dict(zip(features.rows[best].tolist(), (raised - before).tolist(), strict=True))
        order[: len(best)], scores[: len(best)] = best, raised
    return Weighed(features.rows[order].tolist(), scores, features, of_feature, named, changes)


def _by_trees(scores: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the falling order of scores, equals as they stand, and of each in it how far it is above the last."""
    scores = scores.round(DECIMALS)
    among = (-scores).argsort(kind="stable")
    return among, scores[among] - scores[among[-1]]
