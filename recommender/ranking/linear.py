"""Ranking by a learned weight for each feature; before anything is learned, by blend.

In: candidates per generator, and the weights the nightly run found for the scene. Out: one order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import Query, Scored
from recommender.ranking.blend import Blended, blend, in_order
from recommender.ranking.features import FEATURES, SOURCE_OF, Features, features_of
from recommender.request import Source

_FEATURES_OF: Mapping[Source, list[int]] = {
    source: [number for number, name in enumerate(FEATURES) if SOURCE_OF[name] == source]
    for source in dict.fromkeys(SOURCE_OF.values())
}


class Weighed(NamedTuple):
    """The order of all candidates, and what it is made from.

    Attributes
    ----------
    rows
        Each once, best first.
    scores
        (n,) score of each of them, falling to 0: features times weights, less the least of these sums.
    features
        Of all candidates.
    weights
        (features,) of each feature.
    blended
        The order by the scene's declared weights, which knows who named what.
    """

    rows: list[int]
    scores: NDArray[np.float64]
    features: Features
    weights: NDArray[np.float64]
    blended: Blended

    def parts_of(self, query: Query, rows: Sequence[int]) -> dict[int, dict[Source, float]]:
        """Return row → generator that named it → what its features add to the score, at least 0."""
        parts_of = self.blended.parts_of(query, rows)
        terms = self._values(rows) * self.weights
        for parts, of_row in zip(parts_of.values(), terms.tolist(), strict=True):
            for source in parts:
                parts[source] = max(0.0, sum([of_row[number] for number in _FEATURES_OF.get(source, ())]))
        return parts_of

    def features_of(self, rows: Sequence[int]) -> dict[int, dict[str, tuple[float, float]]]:
        """Return row → feature → its value and what it adds to the score, of the features that are not 0."""
        values = self._values(rows)
        pairs = np.stack([values, values * self.weights], axis=-1).tolist()
        return {
            row: {name: (value, part) for name, (value, part) in zip(FEATURES, of_row, strict=True) if value}
            for row, of_row in zip(rows, pairs, strict=True)
        }

    def _values(self, rows: Sequence[int]) -> NDArray[np.float64]:
        """Return (rows, features): zeros for what is no candidate."""
        places = np.searchsorted(self.features.rows, rows)
        places[places == len(self.features.rows)] = 0
        is_candidate: NDArray[np.bool_] = self.features.rows[places] == rows
        return np.where(is_candidate[:, None], self.features.values[places], 0.0)


def linear(
    query: Query, candidates: Mapping[Source, Scored], weights: Mapping[Source, float],
    learned: Mapping[str, float] | None = None,
) -> Blended | Weighed:  # fmt: skip
    """Order candidates by the learned weights of features; equal scores go by time, then by id.

    Where one of the sums is no number the scene's declared weights order.
    """
    blended = blend(query, candidates, weights)
    if learned is None or not blended.rows:
        return blended
    features = features_of(query, candidates)
    of_feature = np.array([learned.get(name, 0.0) for name in FEATURES])
    utilities = features.values @ of_feature
    if not np.isfinite(utilities).all():
        return blended
    utilities, order = in_order(query, features.rows, utilities)
    return Weighed(features.rows[order].tolist(), utilities[order] - utilities.min(), features, of_feature, blended)
