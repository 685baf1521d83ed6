"""What lists are made from besides one's own history, on the rows of a catalogue: models, trends, co-clicks, editors.

In: `Models`, hour buckets of the online store. Out: arrays that the candidate generators read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from civicrec.crowds import K_ANONYMITY
from civicrec.items import ITEM_TYPES
from recommender.artifacts import Models
from recommender.catalogue import Catalogue
from recommender.editorial import Editorial
from recommender.ranking.trees import Forest
from recommender.scoring import Ridge, ridge_of
from recommender.trends import Trends

#: ALS scores this many of the most popular items only: the product with all of a catalogue of 100 000 takes
#: milliseconds a list, and an item few people ever saw has a vector that says little.
MAX_ALS_ITEMS = 2_000
#: So many may be called much used however small the catalogue is.
MIN_OFTEN = 10
_IS_OFFICE = np.array([name in ("service", "guide") for name in ITEM_TYPES])


@dataclass(frozen=True, slots=True)
class PlacedModels:
    """The models of one nightly run, placed on a catalogue.

    Attributes
    ----------
    row_of_model
        (n_model_items + 1,) catalogue row of the model's item, -1 if it is gone; the last is -1, for no neighbour.
    model_of_row
        (n_catalogue,) the reverse, -1 for what the model never saw.
    popular
        Catalogue rows by falling popularity, those that a crowd interacted with.
    ridge
        As `scoring.fold_in` needs it.
    busy
        Rows of what people do at an office that most actors used in the last week, the first tenth of them.
    often
        Rows that a crowd used, of the first tenth of the catalogue.
    als_rows, als_factors
        Catalogue rows, ascending, and their part of the factors: what ALS scores.
    forests
        Scene → the trees of its ranker, of those that have any.
    """

    models: Models
    row_of_model: NDArray[np.int64]
    model_of_row: NDArray[np.int64]
    popular: NDArray[np.int64]
    busy: frozenset[int]
    often: frozenset[int]
    ridge: Ridge
    als_rows: NDArray[np.int64]
    als_factors: NDArray[np.float32]
    forests: Mapping[str, Forest]

    @classmethod
    def of(cls, models: Models, catalogue: Catalogue) -> PlacedModels:
        """Place the models; plain views of mapped arrays, because NumPy's memmap type is slow to index."""
        models = replace(
            models,
            popularity=np.asarray(models.popularity),
            neighbours=np.asarray(models.neighbours),
            neighbour_weights=np.asarray(models.neighbour_weights),
            neighbour_actors=np.asarray(models.neighbour_actors),
            recent_actors=np.asarray(models.recent_actors),
            factors=np.asarray(models.factors),
        )
        row_of_model = np.array([*(catalogue.rows.get(item_id, -1) for item_id in models.item_ids), -1], np.int64)
        here = np.flatnonzero(row_of_model >= 0)
        model_of_row = np.full(len(catalogue), -1, np.int64)
        model_of_row[row_of_model[here]] = here
        by_popularity = here[np.argsort(-models.popularity[here], kind="stable")]
        by_popularity = by_popularity[models.popularity[by_popularity] > 0]
        n_actors = models.manifest.counts.actors if models.manifest.counts else np.inf
        crowded = by_popularity[models.popularity[by_popularity] * n_actors >= K_ANONYMITY - 0.5]
        scored = by_popularity[:MAX_ALS_ITEMS]
        scored = scored[np.argsort(row_of_model[scored])]
        return cls(
            models=models,
            row_of_model=row_of_model,
            model_of_row=model_of_row,
            popular=row_of_model[crowded],
            busy=_busy(models, row_of_model, catalogue),
            often=frozenset(row_of_model[crowded][: max(MIN_OFTEN, len(catalogue) // 10)].tolist()),
            ridge=ridge_of(models),
            als_rows=row_of_model[scored],
            als_factors=np.ascontiguousarray(models.factors[scored]),
            forests={
                scene: Forest.of(ranker.trees)
                for scene, ranker in models.manifest.rankers.items()
                if ranker.weights and ranker.trees
            },
        )


def _busy(models: Models, row_of_model: NDArray[np.int64], catalogue: Catalogue) -> frozenset[int]:
    places = (row_of_model[:-1] >= 0).nonzero()[0]
    places = places[_IS_OFFICE[catalogue.types[row_of_model[places]]]]
    places = places[np.argsort(-models.recent_actors[places], kind="stable")]
    places = places[: max(MIN_OFTEN, len(places) // 10)]
    return frozenset(row_of_model[places[models.recent_actors[places] >= K_ANONYMITY]].tolist())


class Learned(NamedTuple):
    """What a ranker learned: feature → weight, and the trees that re-order the best by these, if any."""

    weights: Mapping[str, float]
    forest: Forest | None


@dataclass(frozen=True, slots=True)
class Signals:
    """What a list may be made from besides the actor's own history.

    Attributes
    ----------
    models
        ``None`` before the first nightly run.
    co_clicks
        Item id → (neighbour id, weight), heaviest first, for the items of the actor's history.
    next_clicks
        Item id → (id of the item clicked right after it, weight), heaviest first, for the newest of them.
    editorial
        What editors decided.
    """

    models: PlacedModels | None = None
    trends: Trends = field(default_factory=Trends)
    co_clicks: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)
    next_clicks: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)
    editorial: Editorial = field(default_factory=Editorial)

    @property
    def model(self) -> str:
        """Name of the nightly run, empty before the first."""
        return self.models.models.run if self.models else ""

    def learned(self, scene: str) -> Learned | None:
        """Return what a scene's ranker learned, ``None`` before anything was."""
        ranker = self.models.models.manifest.rankers.get(scene) if self.models else None
        if not (self.models and ranker and ranker.weights):
            return None
        return Learned(ranker.weights, self.models.forests.get(scene))

    @property
    def emphasis(self) -> Mapping[str, float]:
        """Source → by how much more than its scene says it counts, as the nightly run found."""
        return (self.models.models.manifest.emphasis if self.models else None) or {}
