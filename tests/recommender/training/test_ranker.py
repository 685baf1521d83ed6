"""The ranker learns the likeliest weights for the clicks it saw; they rule only where they beat declared ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.ranking.features import FEATURES
from recommender.training.ranker import L2, MIN_CLICKS, Example, fit, learn, reciprocal_rank

N = len(FEATURES)


def chosen_by(weights: NDArray[np.float64], n: int, seed: int = 0, declared: int | None = None) -> list[Example]:
    """Return clicks of people who choose among random candidates by `weights`, each with a taste of the moment."""
    rng = np.random.default_rng(seed)
    examples = []
    for at_ms in range(n):
        values = rng.random((int(rng.integers(5, 40)), N)).astype(np.float32)
        clicked = int(np.argmax(values @ weights + rng.gumbel(size=len(values))))
        place = int(rng.integers(0, len(values))) if declared is None else declared
        examples.append(Example(at_ms, values, clicked, place))
    return examples


def planted() -> NDArray[np.float64]:
    weights = np.zeros(N)
    weights[[0, 3, 7]] = 4.0, -3.0, 2.0
    return weights


def test_what_people_chose_by_is_found() -> None:
    found = fit(chosen_by(planted(), 4_000))
    assert found == pytest.approx(planted(), abs=0.35)


def test_no_weights_explain_the_clicks_better() -> None:
    examples = chosen_by(planted(), 400)
    scale = np.concatenate([example.values for example in examples]).std(axis=0, dtype=np.float64)

    def loss(weights: NDArray[np.float64]) -> float:
        """Plain listwise softmax, list by list; the penalty counts weights of scaled features."""
        total = 0.0
        for example in examples:
            utilities = example.values.astype(np.float64) @ weights
            total += np.log(np.exp(utilities).sum()) - utilities[example.clicked]
        return total / len(examples) + L2 * float(((weights * scale) ** 2).sum())

    found, rng = fit(examples), np.random.default_rng(1)
    assert all(loss(found) < loss(found + rng.normal(scale=0.1, size=N)) for _ in range(20))
    steps = 1e-3 * np.eye(N)
    slopes = [(loss(found + step) - loss(found - step)) / 2e-3 for step in steps]
    assert np.abs(slopes).max() < 2e-3


def test_what_never_varies_weighs_nothing_and_the_same_clicks_give_the_same_weights() -> None:
    examples = chosen_by(planted(), 300)
    for example in examples:
        example.values[:, 5] = 0.25
    found = fit(examples)
    assert found[5] == 0.0
    assert (fit(examples) == found).all()


def test_learned_weights_rule_only_with_enough_clicks_and_where_they_are_better() -> None:
    examples = chosen_by(planted(), MIN_CLICKS)
    assert learn(examples[1:]) is None
    ranker = learn(examples)
    assert ranker is not None
    assert (ranker.clicks, set(ranker.weights) <= set(FEATURES)) == (MIN_CLICKS, True)
    assert ranker.learned > ranker.declared
    assert learn(chosen_by(planted(), MIN_CLICKS, declared=0)) is None  # declared weights had each click first
    assert learn(chosen_by(np.zeros(N), 1_000, declared=1)) is None  # nothing to learn, and declared ones are not bad


def test_a_click_behind_the_tenth_place_counts_nothing() -> None:
    assert reciprocal_rank(np.array([0, 1, 9, 10, 400])) == pytest.approx((1 + 1 / 2 + 1 / 10) / 5)
