"""The ranker's weights, learned from lists of candidates of which one was clicked.

In: `Example`s. Out: a weight for each feature: those under which the clicked candidates would most likely be chosen
(listwise softmax: Cao et al. 2007, with one relevant item). Nothing here knows where an item stood.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from recommender.ranking.features import FEATURES
from recommender.training.examples import Example

#: Pulls weights of scaled features towards 0: what few clicks say alone counts for little.
L2 = 1e-3


def fit(examples: Sequence[Example]) -> NDArray[np.float64]:
    """Return (features,) the weights under which the clicked candidates are the likeliest choices."""
    values = np.concatenate([example.values for example in examples])
    sizes = np.array([len(example.values) for example in examples])
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    clicked = starts + np.array([example.clicked for example in examples])
    list_of = np.repeat(np.arange(len(sizes)), sizes)
    scale = np.array([column.std(dtype=np.float64) for column in values.T])
    varies = scale > 1e-9
    for number in np.flatnonzero(varies):  # column by column: the doubles of all of them would be a gigabyte
        values[:, number] = values[:, number] / scale[number]
    scaled = values[:, varies]
    del values
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
