"""Rankers: each makes one order of the candidates of several generators. A scene names its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from recommender.candidates.generator import Query, Scored
from recommender.ranking.blend import Blended, blend
from recommender.request import Source


class Ranker(Protocol):
    """Orders candidates. Deterministic, and never by who asks."""

    def __call__(
        self, query: Query, candidates: Mapping[Source, Scored], weights: Mapping[Source, float]
    ) -> Blended:  # fmt: skip
        """Return each row once, best first, with each generator's part of its score."""
        ...


RANKERS: Mapping[str, Ranker] = {"blend": blend}
