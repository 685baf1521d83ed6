"""Rankers: each makes one order of the candidates of several generators. A scene names its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import Query, Scored
from recommender.ranking.blend import blend
from recommender.ranking.linear import linear
from recommender.request import Source
from recommender.signals import Learned


class Ordered(Protocol):
    """An order of candidates, and what it is made from."""

    @property
    def rows(self) -> list[int]:
        """Each once, best first."""
        ...

    @property
    def scores(self) -> NDArray[np.float64]:
        """Score of each of them, at least 0, falling."""
        ...

    def parts_of(self, query: Query, rows: Sequence[int]) -> dict[int, dict[Source, float]]:
        """Return row → generator that named it → its part of the score; nothing for a row that none named."""
        ...

    def features_of(self, rows: Sequence[int]) -> dict[int, dict[str, tuple[float, float]]]:
        """Return row → feature → its value and what it adds to the score; nothing where no features are weighed."""
        ...


class Ranker(Protocol):
    """Orders candidates. Deterministic, and never by who asks."""

    def __call__(
        self, query: Query, candidates: Mapping[Source, Scored], weights: Mapping[Source, float],
        learned: Learned | None = None,
    ) -> Ordered:  # fmt: skip
        """Return each row once, best first.

        Parameters
        ----------
        weights
            Of each generator, as the scene declares them.
        learned
            What the night learned of the scene, ``None`` while too little was clicked.
        """
        ...


RANKERS: Mapping[str, Ranker] = {"blend": blend, "learned": linear}
