"""The ranker learns the likeliest weights for the clicks it saw; they rule only where they beat declared ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.manifest import LearnedWeights
from recommender.ranking.features import FEATURES
from recommender.training.examples import Example
from recommender.training.ranker import MIN_CLICKS, SINGLES, learn
from recommender.training.weights import L2, fit
from tests.recommender.test_trees import clicked_where_two_agree

N = len(FEATURES)


def chosen_by(weights: NDArray[np.float64], n: int, seed: int = 0, declared: int | None = None) -> list[Example]:
    """Return clicks of people who choose among random candidates by `weights`, each with a taste of the moment."""
    rng = np.random.default_rng(seed)
    examples = []
    for at_ms in range(n):
        values = rng.random((int(rng.integers(5, 40)), N)).astype(np.float32)
        clicked = int(np.argmax(values @ weights + rng.gumbel(size=len(values))))
        place = int(rng.integers(0, len(values))) if declared is None else declared
        examples.append(Example(at_ms, values, clicked, place, f"v{at_ms}"))
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
    assert ranker.gate is not None
    assert (ranker.gate.decision, ranker.gate.clicks) == ("learned", MIN_CLICKS // 2)  # all of one day: half of them
    for examples in (
        chosen_by(planted(), MIN_CLICKS, declared=0),  # declared weights had each click first
        chosen_by(np.zeros(N), 1_000, declared=1),  # nothing to learn, and declared ones are not bad
    ):
        refused = learn(examples)
        assert refused is not None
        assert refused.gate is not None
        assert (refused.weights, refused.gate.decision) == ({}, "declared")


def test_the_clicks_of_the_last_day_judge_a_fifth_at_least_and_half_at_most() -> None:
    hour = 3_600_000
    for hours, n in ((10.0, 75), (100.0, 73), (300.0, 60)):  # 300 clicks, one after so many hours over 300
        examples = chosen_by(planted(), MIN_CLICKS)
        spread = [replace(one, at_ms=int(k * hours * hour / MIN_CLICKS)) for k, one in enumerate(examples)]
        ranker = learn(spread)
        assert ranker is not None
        assert ranker.gate is not None
        in_a_day = sum(one.at_ms >= spread[-1].at_ms - 24 * hour for one in spread)
        assert ranker.gate.clicks == min(max(in_a_day, MIN_CLICKS // 5), MIN_CLICKS // 2), n


def next_day(examples: list[Example]) -> list[Example]:
    return [replace(one, at_ms=one.at_ms + 2 * 86_400_000) for one in examples]


def test_weights_in_force_go_on_where_a_night_learns_clearly_worse() -> None:
    older, newer = chosen_by(-planted(), 1_500, seed=1), next_day(chosen_by(planted(), 500, seed=2))  # taste turned
    in_force = LearnedWeights(dict(zip(FEATURES, planted().tolist(), strict=True)), 900, 0.4, 0.2)
    kept = learn([*older, *newer], in_force)
    assert kept is not None
    assert kept.gate is not None
    assert (kept.gate.decision, kept.weights) == ("kept", in_force.weights)
    assert kept.gate.against["earlier"][2] < -0.005
    alone = learn([*older, *newer])
    assert alone is not None
    assert alone.weights == {}
    same = learn(chosen_by(planted(), 2_000), in_force)
    assert same is not None
    assert same.gate is not None
    assert same.gate.decision == "learned"


def test_one_signal_that_says_it_all_is_not_given_up_for_less() -> None:
    number = next(iter(SINGLES))
    by_it = np.zeros(N)
    by_it[number] = 500.0
    older, newer = chosen_by(np.zeros(N), 1_500, seed=1), next_day(chosen_by(by_it, 500, seed=2))
    refused = learn([*older, *(replace(one, declared=0) for one in newer)])
    assert refused is not None
    assert refused.gate is not None
    assert refused.gate.mrr[SINGLES[number]] == pytest.approx(1.0, abs=0.05)
    # Declared weights that are worse than it, too, are no refuge; learned ones are better than they.
    ranker = learn([*chosen_by(by_it / 100, 1_500, seed=1), *(replace(one, declared=20) for one in newer)])
    assert ranker is not None
    assert ranker.weights


def test_what_is_learned_tells_how_reliable_its_probabilities_are() -> None:
    examples = chosen_by(planted(), 2_000)
    learned = learn(examples)
    assert learned is not None
    assert learned.gate is not None
    assert sum(n * seen for n, _, seen in learned.gate.reliability) == pytest.approx(learned.gate.clicks, rel=0.02)
    n, told, seen = learned.gate.reliability[-1]
    assert seen == pytest.approx(told, abs=5 * (told / n) ** 0.5)


def test_trees_rule_where_they_find_more_and_go_on_with_the_weights_they_belong_to() -> None:
    examples = clicked_where_two_agree(1_500)
    learned = learn(examples)
    assert learned is not None
    assert learned.trees is not None
    assert learned.gate is not None
    # Of twelve a third agree at best by chance; with weights alone the click stands anywhere among them.
    assert learned.learned > 0.4
    older, newer = clicked_where_two_agree(900, seed=1), next_day(clicked_where_two_agree(600, seed=2))
    turned = [replace(one, clicked=0) for one in older]
    kept = learn([*turned, *newer], learned)
    assert kept is not None
    assert kept.gate is not None
    assert (kept.gate.decision, kept.weights, kept.trees) == ("kept", learned.weights, learned.trees)


def test_what_weights_say_alone_needs_no_trees() -> None:
    by_one = np.zeros(N)
    by_one[4] = 60.0  # the one with the most of it is always clicked
    learned = learn(chosen_by(by_one, 1_000))
    assert learned is not None
    assert learned.weights
    assert learned.trees is None
