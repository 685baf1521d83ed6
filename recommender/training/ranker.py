"""The ranker's weights, learned from lists of candidates of which one was clicked.

In: `Examples`. Out: a weight for each feature: those under which the clicked candidates would most likely be chosen
(listwise softmax: Cao et al. 2007, with one relevant item). Nothing here knows where an item stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from recommender.manifest import LearnedWeights
from recommender.ranking.features import FEATURES, SOURCE_OF
from recommender.training.ranker_gate import judge_ranker
from recommender.training.reliability import reliability

#: With fewer clicks the weights a scene declares stand.
MIN_CLICKS = 300
#: More say nothing new: the error of a weight is then far below what it changes.
MAX_CLICKS = 10_000
#: Days whose clicks are learned from.
LEARNED_DAYS = 7
#: Shares of the clicks, the newest, on which learned weights are judged: those of the last day, within these.
JUDGED, MOST_JUDGED = 0.2, 0.5
#: Number of each feature that is a way to order by itself → its name, or its generator's.
SINGLES = {
    number: SOURCE_OF[name] if name.endswith("_share") else name
    for number, name in enumerate(FEATURES)
    if name.endswith("_share") or name.startswith("clicks_")
}
_DAY_MS = 86_400_000
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
    visitor
        Who clicked.
    """

    at_ms: int
    values: NDArray[np.float32]
    clicked: int
    declared: int
    visitor: str = ""


def learn(examples: Sequence[Example], earlier: LearnedWeights | None = None) -> LearnedWeights | None:
    """Return what is learned from examples in order of time, ``None`` from fewer than `MIN_CLICKS`.

    Weights learned from the older clicks are judged on those of the last day (`ranker_gate`); where they may not rule,
    what is returned has those of `earlier`, or none.

    Parameters
    ----------
    earlier
        What is in force.
    """
    if len(examples) < MIN_CLICKS:
        return None
    cut = _cut([example.at_ms for example in examples])
    judged = examples[cut:]
    trial = fit(examples[:cut])
    ruling = np.array([earlier.weights.get(name, 0.0) for name in FEATURES]) if earlier and earlier.weights else None
    gate = judge_ranker(
        _places(judged, trial),
        np.array([example.declared for example in judged]),
        None if ruling is None else _places(judged, ruling),
        {name: _places_by_one(judged, number) for number, name in SINGLES.items()},
        [example.visitor for example in judged],
    )
    predicted = reliability([example.values @ trial for example in judged], [example.clicked for example in judged])
    gate = msgspec.structs.replace(gate, reliability=predicted)
    weights: dict[str, float] = {}
    if gate.decision == "kept" and earlier:
        weights = earlier.weights
    elif gate.decision == "learned":
        by_name = dict(zip(FEATURES, fit(examples).round(6).tolist(), strict=True))
        weights = {name: weight for name, weight in by_name.items() if weight}
    return LearnedWeights(weights, len(examples), gate.mrr["learned"], gate.mrr["declared"], gate)


def _cut(times_ms: Sequence[int]) -> int:
    """Return where the last day begins; at least a fifth is judged, and at least half is learned from."""
    n = len(times_ms)
    return int(np.clip(np.searchsorted(times_ms, times_ms[-1] - _DAY_MS), n * (1 - MOST_JUDGED), n * (1 - JUDGED)))


def _places(examples: Sequence[Example], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    utilities = [example.values @ weights for example in examples]
    return np.array([
        np.count_nonzero(of_one > of_one[example.clicked])
        for of_one, example in zip(utilities, examples, strict=True)
    ])  # fmt: skip


def _places_by_one(examples: Sequence[Example], number: int) -> NDArray[np.int64]:
    """Return places by one feature alone; what it does not tell from the clicked item stands before it."""
    columns = [example.values[:, number] for example in examples]
    return np.array([
        np.count_nonzero(column >= column[example.clicked]) - 1
        for column, example in zip(columns, examples, strict=True)
    ])  # fmt: skip


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
