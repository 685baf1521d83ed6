"""What a learned ranker looks at: numbers of each candidate, the same when learning and when serving.

In: candidates per generator, trends, times. Out: `Features`, a row for each candidate. No feature knows the place an
item stood at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.content import title_likeness
from recommender.candidates.generator import Query, Scored
from recommender.catalogue import EVER_MS
from recommender.ranking.blend import distinct
from recommender.request import Source
from recommender.trends import HALF_LIVES, TREND_HOURS, Trends

#: Generators whose scores are features: the share of the best, and the logarithm of it for those whose tails are heavy.
SHARES: tuple[Source, ...] = ("trending", "item_item", "als", "co_click", "next_click", "tags", "related", "popular")
#: How alike the title is to that of the item read last, and to those of the last ten.
TITLES = ("title_last", "title_history")
LOGARITHMS: tuple[Source, ...] = ("item_item", "co_click", "next_click")
_STRETCH = 20.0
#: Half-lives of the age of an item, hours.
AGES_H = (2.0, 24.0)
#: Items published within such a time of the newest seed item are near it, hours.
NEAR_H = 1.0
#: Age of what has no date, hours: ten years.
_OLDEST_H = 87_600.0
_HOUR_MS = 3_600_000
#: Who has seen nothing came as long ago as who was last here ten weeks ago.
_NEVER_MINUTES = 100_000.0

_TRENDS = tuple(f"clicks_{hours:g}h" for hours, _ in HALF_LIVES)
#: Feature → the generator whose part of a score it counts towards.
SOURCE_OF: Mapping[str, Source] = {
    **dict.fromkeys(_TRENDS, "trending"),
    "idle": "trending",
    **{f"{source}_share": source for source in SHARES},
    **{f"{source}_log": source for source in LOGARITHMS},
    **{f"age_{hours:g}h": "fresh" for hours in AGES_H},
    "age_log": "fresh",
    "published_near": "fresh",
    **dict.fromkeys(TITLES, "content"),
}
FEATURES: tuple[str, ...] = tuple(SOURCE_OF)
#: What trees ask for: the features, how far below the best a candidate stands by learned weights, and, the same for
#: all, how much the reader has seen and how long ago the last of it was.
TREE_INPUTS: tuple[str, ...] = (*FEATURES, "behind_best", "history", "since_last")
_NUMBER = {name: number for number, name in enumerate(FEATURES)}
_IDLE = _NUMBER["idle"]
_SHARE_OF = {source: _NUMBER[f"{source}_share"] for source in SHARES}
_LOG_OF = {source: _NUMBER[f"{source}_log"] for source in LOGARITHMS}
_AGE_OF = [(_NUMBER[f"age_{hours:g}h"], hours) for hours in AGES_H]
_AGE_LOG, _NEAR, _TITLES = _NUMBER["age_log"], _NUMBER["published_near"], _NUMBER[TITLES[0]]
_NEVER_IDLE = np.log1p(TREND_HOURS * 60.0)


class Features(NamedTuple):
    """Candidates and what is known of each.

    Attributes
    ----------
    rows
        (n,) each once, ascending.
    values
        (n, len(FEATURES)) float64, finite.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]


def features_of(query: Query, candidates: Mapping[Source, Scored]) -> Features:
    """Return the features of all candidates, at least one in all."""
    trends, catalogue = query.signals.trends, query.catalogue
    rows = distinct(np.concatenate([of_source.rows for of_source in candidates.values()]))
    values = np.zeros((len(FEATURES), len(rows)))
    place_of = query.scratch
    place_of[trends.rows] = -1
    place_of[rows] = np.arange(len(rows), dtype=np.int32)
    places = place_of[trends.rows]
    here = (places >= 0).nonzero()[0]
    places = places[here]
    values[_IDLE] = _NEVER_IDLE
    values[: _IDLE + 1, places] = trends.once(_of_trends).take(here, axis=1)
    for source, of_source in candidates.items():
        if source in _SHARE_OF and len(of_source.rows):
            shares = of_source.scores / of_source.scores[0]
            values[_SHARE_OF[source], place_of[of_source.rows]] = shares
            if source in _LOG_OF:
                values[_LOG_OF[source], place_of[of_source.rows]] = np.log1p(_STRETCH * shares)
    published_ms = catalogue.published_ms[rows].astype(np.float64)
    age_h = ((query.now_ms - published_ms) / _HOUR_MS).clip(0.0, _OLDEST_H)
    for number, hours in _AGE_OF:
        values[number] = np.exp2(-age_h / hours)
    values[_AGE_LOG] = np.log1p(age_h)
    newest = next(iter(query.seeds), -1)
    if newest >= 0 and catalogue.published_ms[newest] != EVER_MS:
        apart_h = np.abs(published_ms - float(catalogue.published_ms[newest])) / _HOUR_MS
        values[_NEAR] = np.exp2(-apart_h / NEAR_H)
    if newest >= 0:
        values[_TITLES : _TITLES + len(TITLES)] = title_likeness(query, rows)
    return Features(rows, values.T)


def _of_trends(trends: Trends) -> NDArray[np.float64]:
    """Return the features up to ``idle`` of all rows of the trends."""
    return np.vstack([trends.sums, np.log1p((trends.idle_ms / 60_000).clip(0.0, TREND_HOURS * 60.0))])


def reader_of(query: Query) -> tuple[float, float]:
    """Return the logarithms of 1 + items the reader has seen, and of 1 + minutes since the last of them."""
    n_seen = len(query.history) + len(query.seen_before)
    minutes = (query.now_ms - query.last_ms) / 60_000
    return math.log1p(n_seen), math.log1p(min(max(0.0, minutes), _NEVER_MINUTES))


def tree_inputs(
    values: NDArray[np.floating[Any]], utilities: NDArray[np.float64], reader: tuple[float, float]
) -> NDArray[np.float64]:
    """Return (n, len(TREE_INPUTS)) of candidates, at least one.

    Parameters
    ----------
    values
        (n, len(FEATURES)) of the candidates.
    utilities
        (n,) sums of these by the learned weights.
    reader
        As `reader_of` says.
    """
    inputs = np.empty((len(values), len(TREE_INPUTS)))
    inputs[:, : len(FEATURES)] = values
    inputs[:, len(FEATURES)] = utilities - utilities.max()
    inputs[:, len(FEATURES) + 1 :] = reader
    return inputs
