"""The ranker's trees: what those of the best candidates have in common that were clicked.

In: `Example`s, and the weights learned from them. Out: `LearnedTrees`, plain numbers that `Forest` reads. Gradient
boosting of small trees (Friedman 2001), in scikit-learn's histogram form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from recommender.manifest import LearnedTrees
from recommender.ranking.features import TREE_INPUTS, tree_inputs
from recommender.ranking.linear import MAX_REORDERED
from recommender.ranking.trees import DEPTH, N_INNER
from recommender.training.examples import Example

N_TREES = 100
#: Part of its correction that a tree makes.
LEARNING_RATE = 0.1
#: Candidates of a leaf at least: what fewer say is chance.
MIN_LEAF = 50
L2 = 1.0
SEED = 0


def fit_trees(examples: Sequence[Example], weights: NDArray[np.float64]) -> LearnedTrees | None:
    """Return trees whose sum tells what was clicked from the others, ``None`` if no click was among the best."""
    inputs, clicked = [], []
    for example in examples:
        best, of_best = best_of(example, weights)
        if example.clicked in best:
            inputs.append(of_best.astype(np.float32))
            clicked.append(best == example.clicked)
    if not inputs:
        return None
    model = HistGradientBoostingClassifier(
        max_iter=N_TREES, learning_rate=LEARNING_RATE, max_depth=DEPTH, min_samples_leaf=MIN_LEAF,
        l2_regularization=L2, early_stopping=False, random_state=SEED,
    )  # fmt: skip
    with threadpool_limits(1, user_api="openmp"):  # sums in the same order, however many cores there are
        model.fit(np.concatenate(inputs), np.concatenate(clicked))
    trees = [complete(predictor.nodes) for (predictor,) in model._predictors]
    return LearnedTrees(list(TREE_INPUTS), *map(list, zip(*trees, strict=True)))


def best_of(example: Example, weights: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return places of the best candidates by these weights, and what trees ask of each."""
    utilities = example.values @ weights
    best = np.argsort(-utilities, kind="stable")[:MAX_REORDERED]
    return best, tree_inputs(example.values[best], utilities[best], example.reader)


def complete(nodes: NDArray[Any]) -> tuple[list[int], list[float | None], list[float]]:
    """Return columns and thresholds of inner nodes and values of leaves, as `Forest` has them.

    Below a leaf that comes early nothing is asked: threshold ``None``, and every leaf has its value.

    Parameters
    ----------
    nodes
        Of a tree of scikit-learn, at most `DEPTH` deep.
    """
    columns, leaves = [0] * N_INNER, list[float]()
    thresholds: list[float | None] = [None] * N_INNER

    def walk(node: int, place: int) -> None:
        one = nodes[node]
        if place >= N_INNER:
            leaves.append(float(one["value"]))
        elif one["is_leaf"]:
            walk(node, 2 * place + 1)
            walk(node, 2 * place + 2)
        else:
            columns[place], thresholds[place] = int(one["feature_idx"]), float(one["num_threshold"])
            walk(int(one["left"]), 2 * place + 1)
            walk(int(one["right"]), 2 * place + 2)

    walk(0, 0)
    return columns, thresholds, leaves
