"""The ranker's weights, learned from lists of candidates of which one was clicked.

In: `Examples`. Out: a weight for each feature: those under which the clicked candidates would most likely be chosen
(listwise softmax: Cao et al. 2007, with one relevant item). Nothing here knows where an item stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from recommender.manifest import LearnedWeights
from recommender.ranking.features import FEATURES

#: With fewer clicks the weights a scene declares stand.
MIN_CLICKS = 300
#: More say nothing new: the error of a weight is then far below what it changes.
MAX_CLICKS = 10_000
#: Days whose clicks are learned from.
LEARNED_DAYS = 7
#: Share of the clicks, the newest, on which learned weights must beat declared ones.
JUDGED = 0.2
#: Pulls weights of scaled features towards 0: what few clicks say alone counts for little.
L2 = 1e-3


@dataclass(frozen=True, slots=True)
class Example:
    """One click, and what it was chosen from.

    Attributes
    ----------
    at_ms
        When, epoch ms.
    values
        (n, features) of the candidates, float32.
    clicked
        Which of them was clicked.
    declared
        Its 0-based place in the order that the scene's declared weights make.
    """

    at_ms: int
    values: NDArray[np.float32]
    clicked: int
    declared: int


def learn(examples: Sequence[Example]) -> LearnedWeights | None:
    """Return what is learned from examples in order of time, ``None`` if the declared weights should stand.

    They stand while there are fewer than `MIN_CLICKS`, and where weights learned from the first part find the clicks
    of the last part no better than they do: mean reciprocal rank among ten.
    """
    if len(examples) < MIN_CLICKS:
        return None
    cut = int(len(examples) * (1 - JUDGED))
    judged = examples[cut:]
    trial = fit(examples[:cut])
    learned = reciprocal_rank(np.array([_place(example, trial) for example in judged]))
    declared = reciprocal_rank(np.array([example.declared for example in judged]))
    if learned <= declared:
        return None
    by_name = dict(zip(FEATURES, fit(examples).round(6).tolist(), strict=True))
    weights = {name: weight for name, weight in by_name.items() if weight}
    return LearnedWeights(weights, len(examples), round(learned, 4), round(declared, 4))


def reciprocal_rank(places: NDArray[np.int64], k: int = 10) -> float:
    """Return the mean of 1 / rank of 0-based places, 0 beyond the first `k`."""
    return float(np.mean(np.where(places < k, 1.0 / (1.0 + places), 0.0)))


def _place(example: Example, weights: NDArray[np.float64]) -> int:
    utilities = example.values @ weights
    return int(np.count_nonzero(utilities > utilities[example.clicked]))


def fit(examples: Sequence[Example]) -> NDArray[np.float64]:
    """Return (features,) the weights under which the clicked candidates are the likeliest choices."""
    values = np.concatenate([example.values for example in examples])
    sizes = np.array([len(example.values) for example in examples])
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    clicked = starts + np.array([example.clicked for example in examples])
    list_of = np.repeat(np.arange(len(sizes)), sizes)
    scale = values.std(axis=0, dtype=np.float64)
    varies = scale > 1e-9
    scaled = (values[:, varies] / scale[varies]).astype(np.float32)
    chosen = scaled[clicked].mean(axis=0, dtype=np.float64)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        utilities = (scaled @ weights.astype(np.float32)).astype(np.float64)
        utilities -= np.maximum.reduceat(utilities, starts)[list_of]
        shares = np.exp(utilities)
        totals = np.add.reduceat(shares, starts)
        shares /= totals[list_of]
        expected = (shares.astype(np.float32) @ scaled).astype(np.float64) / len(sizes)
        value = float(np.mean(np.log(totals) - utilities[clicked])) + L2 * float(weights @ weights)
        return value, expected - chosen + 2 * L2 * weights

    begin = np.zeros(int(varies.sum()))
    with threadpool_limits(1, user_api="blas"):  # the same clicks give the same weights, however many cores there are
        fitted = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    weights = np.zeros(len(FEATURES))
    weights[varies] = fitted / scale[varies]
    return weights
