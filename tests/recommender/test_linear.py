"""The order by learned weights is what plain sums over each candidate's facts say, and every part adds up."""

from __future__ import annotations

from dataclasses import replace
from math import log1p
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.errors import ArtifactError
from recommender.artifacts import load_models, save_models
from recommender.manifest import LearnedTrees, LearnedWeights
from recommender.ranking.features import FEATURES, TREE_INPUTS
from recommender.ranking.linear import MAX_REORDERED, TREES
from recommender.ranking.trees import N_INNER, N_LEAVES
from recommender.signals import PlacedModels
from tests.recommender.plain_factors import factor_of
from tests.recommender.test_plain import Plain, a_large_world
from tests.recommender.test_recommend import made
from tests.recommender.test_trees import walked
from tests.recommender.worlds import NOW, SCENES, World, some_models, worlds

CLOSE = 1e-4  # factors are single precision
TRENDS = {"clicks_0.25h": 0.25, "clicks_1h": 1.0, "clicks_3h": 3.0, "clicks_12h": 12.0, "clicks_24h": 24.0}
SHARES = ("trending", "item_item", "als", "co_click", "next_click", "tags", "related", "popular")
LOGARITHMS = ("item_item", "co_click", "next_click")
WEIGHTS = st.dictionaries(st.sampled_from(FEATURES), st.floats(-3, 3), min_size=1)


class PlainFeatures(Plain):
    """Features of each candidate, worked out one by one."""

    def features(self) -> dict[str, dict[str, float]]:
        found = {source: self.best(getattr(self, source)()) for source in self.world.request.scene.sources}
        return {name: self.of(name, found) for names in found.values() for name in names}

    def of(self, name: str, found: dict[str, dict[str, float]]) -> dict[str, float]:
        item, trends = self.catalogue.items[name], self.world.signals.trends
        place = {row: place for place, row in enumerate(trends.rows.tolist())}.get(self.catalogue.rows[name])
        values = dict.fromkeys(TRENDS, 0.0) | {"idle": log1p(36 * 60)}
        if place is not None:
            values |= dict(zip(TRENDS, trends.sums[:, place].tolist(), strict=True))
            values["idle"] = log1p(min(36 * 60, trends.idle_ms[place] / 60_000))
        for source, scores in found.items():
            share = scores.get(name, 0.0) / max(scores.values(), default=1.0)
            if source in SHARES:
                values[f"{source}_share"] = share
            if source in LOGARITHMS:
                values[f"{source}_log"] = log1p(20 * share)
        hours = min(87_600.0, (NOW - item.published_at).total_seconds() / 3600) if item.published_at else 87_600.0
        values |= {"age_2h": 2 ** (-hours / 2), "age_24h": 2 ** (-hours / 24), "age_log": log1p(hours)}
        seed = self.catalogue.items.get(next(iter(self.seeds), ""))
        if seed and seed.published_at and item.published_at:
            values["published_near"] = 2 ** (-abs((item.published_at - seed.published_at).total_seconds()) / 3600)
        return values | {"title_last": self.title_likeness(name, 1), "title_history": self.title_likeness(name, 10)}


def learned(world: World, weights: dict[str, float], trees: LearnedTrees | None = None) -> World:
    """Return the world after a night in which the scene `news` learned these weights, and these trees."""
    models = world.signals.models.models if world.signals.models else some_models(["i0"])
    manifest = msgspec.structs.replace(
        models.manifest, rankers={"news": LearnedWeights(weights, 500, 0.3, 0.2, trees=trees)}
    )
    placed = PlacedModels.of(replace(models, manifest=manifest), world.catalogue)
    signals, request = replace(world.signals, models=placed), replace(world.request, scene=SCENES["news"], explain=True)
    profile = replace(world.profile, disliked=dict.fromkeys(world.profile.disliked, 0))  # of today: test_refused.py
    return replace(world, signals=signals, request=request, profile=profile)


def check(world: World, weights: dict[str, float]) -> None:
    ranked, features = made(world).items, PlainFeatures(world).features()
    utilities = {
        name: sum(weights.get(feature, 0.0) * value for feature, value in of_item.items())
        for name, of_item in features.items()
    }
    least = min(utilities.values(), default=0.0)
    for one in ranked:
        name = one.item.item_id
        if name not in features:
            assert (one.score, one.features) == (0.0, {})
            continue
        factor = factor_of(world, name)
        assert one.score == pytest.approx((utilities[name] - least) * factor, abs=CLOSE)
        known = {feature: value for feature, value in features[name].items() if value}
        assert {feature: value for feature, (value, _) in one.features.items()} == pytest.approx(known, abs=CLOSE)
        for feature, (value, part) in one.features.items():
            assert part == pytest.approx(value * weights.get(feature, 0.0))
        for source, part in one.parts.items():
            sums = [weights.get(feature, 0.0) * known.get(feature, 0.0) for feature in OF_SOURCE.get(source, ())]
            assert part == pytest.approx(max(0.0, sum(sums)) * factor, abs=CLOSE)


OF_SOURCE: dict[str, list[str]] = {}
for _feature in FEATURES:
    OF_SOURCE.setdefault(
        "trending" if _feature in {*TRENDS, "idle"}
        else "fresh" if _feature.startswith(("age", "published"))
        else "content" if _feature.startswith("title")
        else _feature.rsplit("_", 1)[0], [],
    ).append(_feature)  # fmt: skip


@given(worlds(), WEIGHTS)
@settings(max_examples=120, deadline=None)
def test_scores_features_and_parts_are_those_of_plain_sums(world: World, weights: dict[str, float]) -> None:
    check(learned(world, weights), weights)


@pytest.mark.parametrize("seed", [0, 2])
def test_so_they_are_among_many_candidates(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = dict(zip(FEATURES, rng.normal(size=len(FEATURES)).tolist(), strict=True))
    check(learned(a_large_world(seed), weights), weights)


def test_the_page_begins_with_the_highest_scores() -> None:
    weights = dict(zip(FEATURES, np.random.default_rng(9).normal(size=len(FEATURES)).tolist(), strict=True))
    world = learned(a_large_world(1), weights)
    world = replace(world, request=replace(world.request, scene=replace(SCENES["news"], rerankers=()), n=40))
    features = PlainFeatures(world).features()
    utilities = {name: sum(weights[one] * of[one] for one in of) for name, of in features.items()}
    scores = [utilities[one.item.item_id] for one in made(world).items]
    assert scores == pytest.approx(sorted(utilities.values(), reverse=True)[:40], abs=CLOSE)


def some_trees(seed: int, inputs: tuple[str, ...] = TREE_INPUTS) -> LearnedTrees:
    rng, n = np.random.default_rng(seed), 30
    return LearnedTrees(
        list(inputs),
        rng.integers(0, len(inputs), (n, N_INNER)).tolist(),
        rng.normal(size=(n, N_INNER)).tolist(),
        rng.normal(size=(n, N_LEAVES)).tolist(),
    )


@pytest.mark.parametrize("seed", [1, 4])
def test_trees_reorder_the_best_by_weights_and_an_explanation_adds_up(seed: int) -> None:
    weights = dict(zip(FEATURES, np.random.default_rng(seed).normal(size=len(FEATURES)).tolist(), strict=True))
    trees = some_trees(seed)
    world = learned(a_large_world(seed), weights, trees)
    world = replace(world, request=replace(world.request, scene=replace(SCENES["news"], rerankers=()), n=60))
    plain = PlainFeatures(world)
    features = plain.features()
    utilities = {name: sum(weights[one] * of[one] for one in of) for name, of in features.items()}
    by_weights = sorted(utilities, key=utilities.__getitem__, reverse=True)
    best, least = by_weights[:MAX_REORDERED], min(utilities.values())
    recent = world.profile.recent
    minutes = 0.0 if world.request.recent else (NOW.timestamp() - recent[0].at_ms / 1000) / 60 if recent else 1e5
    reader = {"history": log1p(len(plain.history)), "since_last": log1p(min(max(0.0, minutes), 1e5))}
    by_trees = {}
    for name in best:
        inputs = features[name] | {"behind_best": utilities[name] - utilities[best[0]]} | reader
        by_trees[name] = round(walked(trees, [inputs.get(one, 0.0) for one in TREE_INPUTS]), 9)
    raised = utilities[by_weights[MAX_REORDERED]] - least - min(by_trees.values())
    expected = {name: score + raised for name, score in by_trees.items()}
    expected |= {name: utilities[name] - least for name in by_weights[MAX_REORDERED:]}
    ranked = made(world).items
    factors = {name: factor_of(world, name) for name in expected}
    in_order = [*sorted(best, key=by_trees.__getitem__, reverse=True), *by_weights[MAX_REORDERED:]]  # stable
    in_order = sorted(in_order, key=lambda name: -round(expected[name] * factors[name], 6))
    assert [one.item.item_id for one in ranked] == in_order[:60]
    assert [one.score for one in ranked] == pytest.approx(
        [expected[name] * factors[name] for name in in_order[:60]], abs=CLOSE
    )
    assert [one.item.item_id for one in ranked[:MAX_REORDERED]] != best
    for one in ranked:
        assert (TREES in one.features) == (one.item.item_id in best)
        before = sum(part for _, part in one.features.values()) - least
        assert before * factors[one.item.item_id] == pytest.approx(one.score, abs=CLOSE)


def test_trees_that_ask_for_features_of_another_version_change_nothing() -> None:
    weights = {"idle": -1.0, "age_log": -0.3}
    world, other = a_large_world(3), some_trees(3, (*TREE_INPUTS, "of another version"))
    assert made(learned(world, weights, other)).items == made(learned(world, weights)).items
    assert made(learned(world, weights, some_trees(3))).items != made(learned(world, weights)).items


def test_before_anything_was_learned_the_declared_weights_stand() -> None:
    world = a_large_world(2)
    world = replace(world, request=replace(world.request, scene=SCENES["news"]))
    blended = replace(world, request=replace(world.request, scene=replace(SCENES["news"], ranker="blend")))
    assert made(world).items == made(blended).items
    refused = learned(world, {})
    assert [one.item for one in made(refused).items] == [one.item for one in made(blended).items]
    assert all(not one.features for one in made(refused).items)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1e12])
def test_models_with_a_weight_that_is_no_number_are_refused(tmp_path: Path, weight: float) -> None:
    with pytest.raises(ValueError, match="weight .* of feature 'idle'; expected at most 1e"):
        LearnedWeights({"idle": weight}, 500, 1, 0)
    models = some_models(["i0", "i1"])
    written = {"rankers": {"news": {"weights": {"idle": weight}, "clicks": 500, "learned": 1, "declared": 0}}}
    save_models(tmp_path, replace(models, manifest=written))  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match="no usable models"):
        load_models(tmp_path, models.run)


def test_a_feature_of_another_version_weighs_nothing() -> None:
    world = a_large_world(3)
    known, more = learned(world, {"idle": -1.0}), learned(world, {"idle": -1.0, "of another version": 5.0})
    assert made(known).items == made(more).items
