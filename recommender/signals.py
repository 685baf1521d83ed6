"""What everybody's behaviour says, placed on the rows of one catalogue: nightly models, live trends, co-clicks.

In: `Models`, hour buckets of the online store. Out: arrays that the candidate generators read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from civicrec.clock import to_ms
from civicrec.crowds import K_ANONYMITY
from profiles.online.ports import TREND_HALF_LIFE_HOURS
from recommender.artifacts import Models
from recommender.catalogue import Catalogue
from recommender.scoring import ridge_inverse

#: ALS scores this many of the most popular items only: the product with all of a catalogue of 100 000 takes
#: milliseconds a list, and an item few people ever saw has a vector that says little.
MAX_ALS_ITEMS = 2_000
_HOUR_MS = 3_600_000
#: Hours of trend that count: at a half-life of six, an older hour weighs under 2 %.
TREND_HOURS = 36


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
    inverse
        As `scoring.fold_in` needs it.
    als_rows, als_factors
        Catalogue rows, ascending, and their part of the factors: what ALS scores.
    unknown
        Item id → row of what the model never saw.
    """

    models: Models
    row_of_model: NDArray[np.int64]
    model_of_row: NDArray[np.int64]
    popular: NDArray[np.int64]
    inverse: NDArray[np.float64]
    als_rows: NDArray[np.int64]
    als_factors: NDArray[np.float32]
    unknown: Mapping[str, int]

    @classmethod
    def of(cls, models: Models, catalogue: Catalogue) -> PlacedModels:
        """Place the models; plain views of mapped arrays, because NumPy's memmap type is slow to index."""
        models = replace(
            models,
            popularity=np.asarray(models.popularity),
            neighbours=np.asarray(models.neighbours),
            neighbour_weights=np.asarray(models.neighbour_weights),
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
            inverse=ridge_inverse(models),
            als_rows=row_of_model[scored],
            als_factors=np.ascontiguousarray(models.factors[scored]),
            unknown={catalogue.item_ids[row]: row for row in np.flatnonzero(model_of_row < 0).tolist()},
        )


#: Rows and weights of one hour.
PlacedHour = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Trends:
    """What is clicked now: rows by falling decayed weight, in units of one click of this moment."""

    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, hours: Mapping[int, Mapping[str, float]], catalogue: Catalogue, now: datetime) -> Trends:
        """Sum hour buckets (epoch hour → item → weight), each decayed from its middle; unknown items are left out."""
        return cls.summed({hour: place_hour(bucket, catalogue) for hour, bucket in hours.items()}, now)

    @classmethod
    def summed(cls, hours: Mapping[int, PlacedHour], now: datetime, crowded: NDArray[np.int64] | None = None) -> Trends:
        """Sum placed hour buckets, of the crowded rows if they are given: of others a trend would tell of a few."""
        now_hours = to_ms(now) / _HOUR_MS
        shares = {hour: 2.0 ** -(max(0.0, now_hours - hour - 0.5) / TREND_HALF_LIFE_HOURS) for hour in hours}
        rows = np.concatenate([bucket[0] for bucket in hours.values()] or [np.zeros(0, np.int64)])
        parts = np.concatenate([share * hours[hour][1] for hour, share in shares.items()] or [np.zeros(0)])
        if crowded is not None:
            is_crowded = np.isin(rows, crowded)
            rows, parts = rows[is_crowded], parts[is_crowded]
        distinct, place = np.unique(rows, return_inverse=True)
        weights = np.bincount(place, parts, minlength=len(distinct)).astype(np.float64)
        order = np.argsort(-weights, kind="stable")
        return cls(distinct[order], weights[order])


def place_hour(bucket: Mapping[str, float], catalogue: Catalogue) -> PlacedHour:
    """Put an hour bucket (item → weight) on the rows of a catalogue; unknown items are left out."""
    known = {item_id: row for item_id in bucket if (row := catalogue.rows.get(item_id)) is not None}
    rows = np.fromiter(known.values(), np.int64, len(known))
    return rows, np.fromiter((bucket[item_id] for item_id in known), np.float64, len(known))


@dataclass(frozen=True, slots=True)
class Signals:
    """What a list may be made from besides the actor's own history.

    Attributes
    ----------
    models
        ``None`` before the first nightly run.
    co_clicks
        Item id → (neighbour id, weight), heaviest first, for the items of the actor's history.
    """

    models: PlacedModels | None = None
    trends: Trends = field(default_factory=Trends)
    co_clicks: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """Name of the nightly run, empty before the first."""
        return self.models.models.run if self.models else ""
