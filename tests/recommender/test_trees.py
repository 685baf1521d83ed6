"""Trees in arrays say what a walk down each of them says, and what scikit-learn says of the trees it grew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from recommender.manifest import LearnedTrees
from recommender.ranking.features import FEATURES, TREE_INPUTS
from recommender.ranking.trees import DEPTH, N_INNER, N_LEAVES, Forest
from recommender.training.examples import Example
from recommender.training.trees import L2, LEARNING_RATE, MIN_LEAF, N_TREES, SEED, best_of, complete, fit_trees

N_INPUTS = 4
NUMBERS = st.floats(-5, 5, width=16)  # few distinct values, so that some meet a threshold exactly


@st.composite
def trees(draw: st.DrawFn, n_inputs: int = N_INPUTS, inputs: tuple[str, ...] = ()) -> LearnedTrees:
    def many(one: st.SearchStrategy, n: int) -> list:
        return draw(st.lists(one, min_size=n, max_size=n))

    n = draw(st.integers(1, 4))
    return LearnedTrees(
        list(inputs) or [f"input{k}" for k in range(n_inputs)],
        [many(st.integers(0, n_inputs - 1), N_INNER) for _ in range(n)],
        [many(st.none() | NUMBERS, N_INNER) for _ in range(n)],
        [many(NUMBERS, N_LEAVES) for _ in range(n)],
    )


def walked(learned: LearnedTrees, row: list[float]) -> float:
    """Return the sum of the leaves one comes to by asking one question after the other."""
    total = 0.0
    for columns, thresholds, values in zip(learned.columns, learned.thresholds, learned.values, strict=True):
        node = 0
        while node < len(columns):
            threshold = thresholds[node]
            node = 2 * node + (1 if threshold is None or row[columns[node]] <= threshold else 2)
        total += values[node - len(columns)]
    return total


@given(trees(), st.lists(st.lists(NUMBERS, min_size=N_INPUTS, max_size=N_INPUTS), min_size=1, max_size=9))
@settings(max_examples=200, deadline=None)
def test_scores_are_those_of_a_walk_down_each_tree(learned: LearnedTrees, rows: list[list[float]]) -> None:
    assert Forest.of(learned).scores(np.array(rows)) == pytest.approx([walked(learned, row) for row in rows])


def clicked_where_two_agree(n: int, seed: int = 0) -> list[Example]:
    """Return clicks on a candidate of which two features are both high or both low: no weights can say so."""
    rng, examples = np.random.default_rng(seed), []
    for at_ms in range(n):
        values = np.zeros((12, len(FEATURES)), np.float32)
        values[:, :3] = rng.random((12, 3))
        agrees = (values[:, 0] > 0.5) == (values[:, 1] > 0.5)
        clicked = int(np.argmax(3.0 * agrees + values[:, 2] + rng.gumbel(size=12)))
        examples.append(Example(at_ms, values, clicked, 5, f"v{at_ms}", (float(rng.random()), 2.0)))
    return examples


def test_the_trees_are_those_that_scikit_learn_grew() -> None:
    examples, weights = clicked_where_two_agree(400), np.zeros(len(FEATURES))
    weights[2] = 1.0
    learned = fit_trees(examples, weights)
    assert learned is not None
    assert (tuple(learned.inputs), len(learned.values)) == (TREE_INPUTS, N_TREES)
    pairs = [(best_of(example, weights), example.clicked) for example in examples]
    inputs = np.concatenate([of_best for (_, of_best), _ in pairs]).astype(np.float32)
    clicked = np.concatenate([best == one for (best, _), one in pairs])
    model = HistGradientBoostingClassifier(
        max_iter=N_TREES, learning_rate=LEARNING_RATE, max_depth=DEPTH, min_samples_leaf=MIN_LEAF,
        l2_regularization=L2, early_stopping=False, random_state=SEED,
    ).fit(inputs, clicked)  # fmt: skip
    told: NDArray[np.float64] = model.decision_function(inputs)
    scores = Forest.of(learned).scores(inputs.astype(np.float64))
    assert (told - scores).std() < 1e-6  # the same but for what the model adds to all alike
    assert scores.std() > 0.3
    assert fit_trees(examples, weights) == learned


def test_of_a_tree_that_stops_early_every_leaf_below_says_the_same() -> None:
    kinds = [
        ("value", float),
        ("is_leaf", bool),
        ("feature_idx", int),
        ("num_threshold", float),
        ("left", int),
        ("right", int),
    ]
    nodes = np.array([(0, False, 3, 0.5, 1, 2), (7.0, True, 0, 0, 0, 0), (-1.0, True, 0, 0, 0, 0)], kinds)
    columns, thresholds, values = complete(nodes)
    assert (columns[0], thresholds) == (3, [0.5, *[None] * (N_INNER - 1)])
    assert values == [7.0] * (N_LEAVES // 2) + [-1.0] * (N_LEAVES // 2)


@pytest.mark.parametrize(
    "changed",
    [{"columns": [[N_INPUTS] * N_INNER]}, {"columns": [[-1] * N_INNER]}, {"values": [[0.0] * N_INNER]}, {"values": []},
     {"thresholds": [[float("nan")] * N_INNER]}, {"values": [[float("inf")] * N_LEAVES]}, {"thresholds": [[0.5]]}],
)  # fmt: skip
def test_trees_that_no_candidate_could_walk_down_are_refused(changed: dict[str, list]) -> None:
    parts = {"columns": [[0] * N_INNER], "thresholds": [[0.5] * N_INNER], "values": [[0.0] * N_LEAVES]}
    LearnedTrees([f"input{k}" for k in range(N_INPUTS)], **parts)
    with pytest.raises(ValueError, match="tree"):
        LearnedTrees([f"input{k}" for k in range(N_INPUTS)], **parts | changed)
