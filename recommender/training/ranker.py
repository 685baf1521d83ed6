"""The ranker's night: what is learned from clicks, and whether it may order lists.

In: `Example`s of a scene. Out: `LearnedWeights`: weights, the trees that re-order the best by them, and why they rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from recommender.manifest import LearnedTrees, LearnedWeights
from recommender.ranking.features import FEATURES, SOURCE_OF, TREE_INPUTS
from recommender.ranking.trees import Forest
from recommender.training.examples import Example
from recommender.training.ranker_gate import gains, judge_ranker
from recommender.training.reliability import reliability
from recommender.training.trees import best_of, fit_trees
from recommender.training.weights import fit

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


class Order(NamedTuple):
    """An order of candidates: (features,) weights, and what re-orders the best by these, if anything."""

    weights: NDArray[np.float64]
    trees: LearnedTrees | None = None


def learn(examples: Sequence[Example], earlier: LearnedWeights | None = None) -> LearnedWeights | None:
    """Return what is learned from examples in order of time, ``None`` from fewer than `MIN_CLICKS`.

    What is learned from the older clicks is judged on those of the last day (`ranker_gate`), with trees only if these
    find more there than weights alone. Where it may not rule, what is returned has the order of `earlier`, or none.

    Parameters
    ----------
    earlier
        What is in force.
    """
    if len(examples) < MIN_CLICKS:
        return None
    cut = _cut([example.at_ms for example in examples])
    judged = examples[cut:]
    trial = _learned(examples[:cut])
    places, by_weights = _places(judged, trial), _places(judged, Order(trial.weights))
    has_trees = gains(places).mean() > gains(by_weights).mean()
    ruling = _order_of(earlier) if earlier and earlier.weights else None
    gate = judge_ranker(
        places if has_trees else by_weights,
        np.array([example.declared for example in judged]),
        None if ruling is None else _places(judged, ruling),
        {name: _places_by_one(judged, number) for number, name in SINGLES.items()},
        [example.visitor for example in judged],
    )
    utilities = [example.values @ trial.weights for example in judged]
    gate = msgspec.structs.replace(gate, reliability=reliability(utilities, [one.clicked for one in judged]))
    weights: dict[str, float] = {}
    trees: LearnedTrees | None = None
    if gate.decision == "kept" and earlier:
        weights, trees = earlier.weights, earlier.trees
    elif gate.decision == "learned":
        order = _learned(examples, has_trees)
        by_name = dict(zip(FEATURES, order.weights.round(6).tolist(), strict=True))
        weights, trees = {name: weight for name, weight in by_name.items() if weight}, order.trees
    return LearnedWeights(weights, len(examples), gate.mrr["learned"], gate.mrr["declared"], gate, trees)


def _learned(examples: Sequence[Example], has_trees: bool = True) -> Order:
    weights = fit(examples)
    return Order(weights, fit_trees(examples, weights) if has_trees else None)


def _order_of(learned: LearnedWeights) -> Order:
    return Order(np.array([learned.weights.get(name, 0.0) for name in FEATURES]), learned.trees)


def _cut(times_ms: Sequence[int]) -> int:
    """Return where the last day begins; at least a fifth is judged, and at least half is learned from."""
    n = len(times_ms)
    return int(np.clip(np.searchsorted(times_ms, times_ms[-1] - _DAY_MS), n * (1 - MOST_JUDGED), n * (1 - JUDGED)))


def _places(examples: Sequence[Example], order: Order) -> NDArray[np.int64]:
    """Return the 0-based place of each clicked candidate in this order."""
    forest = Forest.of(order.trees) if order.trees and tuple(order.trees.inputs) == TREE_INPUTS else None
    return np.array([_place(example, order.weights, forest) for example in examples])


def _place(example: Example, weights: NDArray[np.float64], forest: Forest | None) -> int:
    if forest is not None:
        best, inputs = best_of(example, weights)
        if (at := np.flatnonzero(best == example.clicked)).size:
            scores = forest.scores(inputs)
            return int(np.count_nonzero(scores > scores[at[0]]))
    utilities = example.values @ weights
    return int(np.count_nonzero(utilities > utilities[example.clicked]))


def _places_by_one(examples: Sequence[Example], number: int) -> NDArray[np.int64]:
    """Return places by one feature alone; what it does not tell from the clicked item stands before it."""
    columns = [example.values[:, number] for example in examples]
    return np.array([
        np.count_nonzero(column >= column[example.clicked]) - 1
        for column, example in zip(columns, examples, strict=True)
    ])  # fmt: skip
