"""Every reason is true: recomputed here from items, models and counts, without the code that made it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given, settings

from profiles.tags import learned_tags
from recommender.candidates.trending import MIN_TREND_WEIGHT
from recommender.request import RankedItem, Reason
from tests.recommender.test_recommend import made, may_be_named
from tests.recommender.worlds import NOW, World, worlds


@given(worlds())
@settings(max_examples=400, deadline=None)
def test_every_reason_is_true(world: World) -> None:
    for ranked in made(world).items:
        assert ranked.reasons
        for reason in ranked.reasons:
            assert holds(world, ranked, reason), (ranked.item, reason)


UNSAID = ("信访", "残疾人", "维稳对象", "上访人员", "大学生")


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_a_reason_says_no_sensitive_and_no_ungoverned_word(world: World) -> None:
    for ranked in made(world).items:
        assert not any(word in reason.text for word in UNSAID for reason in ranked.reasons)


def holds(world: World, ranked: RankedItem, reason: Reason) -> bool:
    return CHECKS[reason.code](world, ranked, reason)


def history(world: World) -> set[str]:
    request = world.request
    if request.mode == "general" or not request.scene.personalised:
        return {request.item_id}
    return {request.item_id, *request.recent, *(one.item_id for one in world.profile.recent)}


def title_of(world: World, item_id: str) -> str:
    return world.catalogue.items[item_id].title


def is_related(world: World, ranked: RankedItem, reason: Reason) -> bool:
    other = world.catalogue.items[world.request.item_id]
    links = {(link.rel, link.item_id) for link in other.links} | {
        (link.rel, ranked.item.item_id) for link in ranked.item.links if link.item_id == other.item_id
    }
    return (reason.evidence["rel"], ranked.item.item_id) in links and other.title in reason.text


def model_weight(world: World, seed: str, item_id: str) -> float:
    models = world.signals.models.models  # type: ignore[union-attr]
    row = models.item_ids.index(seed)
    place = np.flatnonzero(models.neighbours[row] == models.item_ids.index(item_id))
    return float(models.neighbour_weights[row][place].sum())


def is_similar(world: World, ranked: RankedItem, reason: Reason) -> bool:
    seed = reason.evidence["item_id"]
    weight = model_weight(world, seed, ranked.item.item_id)
    same = abs(weight - reason.evidence["weight"]) < 1e-4
    return seed in history(world) and weight > 0 and same and title_of(world, seed) in reason.text


def is_co_clicked(world: World, ranked: RankedItem, reason: Reason) -> bool:
    if "live" not in reason.evidence:
        manifest = world.signals.models.models.manifest  # type: ignore[union-attr]
        return manifest.item_item.model == "cosine" and is_similar(world, ranked, reason)
    seed = reason.evidence["item_id"]
    counted = dict(world.signals.co_clicks[seed])
    return seed in history(world) and counted[ranked.item.item_id] > 0 and title_of(world, seed) in reason.text


def is_als(world: World, ranked: RankedItem, reason: Reason) -> bool:
    """Hu, Koren & Volinsky eq. 4, solved as a weighted ridge regression over all items."""
    models = world.signals.models.models  # type: ignore[union-attr]
    speaking = {name for name, item in world.catalogue.items.items() if may_be_named(item)} & history(world)
    known = [name for name in models.item_ids if name in speaking]
    confidence = np.array([models.als_alpha if name in known else 1.0 for name in models.item_ids])
    wanted = np.array([float(name in known) for name in models.item_ids])
    factors = models.factors.astype(float)
    left = factors.T @ (confidence[:, None] * factors) + models.als_regularization * np.eye(factors.shape[1])
    actor = np.linalg.solve(left, factors.T @ (confidence * wanted))
    score = factors[models.item_ids.index(ranked.item.item_id)] @ actor
    return bool(known) and score > -1e-6 and reason.evidence["model"] == models.run


def is_tagged(world: World, ranked: RankedItem, reason: Reason) -> bool:
    tag = reason.evidence["tag"]
    word = tag.split(":")[1]
    if "item_id" in reason.evidence:
        other = reason.evidence["item_id"]
        shared = tag in learned_tags(world.catalogue.items[other]) and other in history(world)
        return shared and tag in learned_tags(ranked.item) and reason.text.endswith(word)
    is_interest = world.request.mode == "personalised" and world.profile.tags.get(tag, 0) > 0
    return is_interest and tag in learned_tags(ranked.item) and reason.text == f"因您关注：{word}"


def is_trending(world: World, ranked: RankedItem, reason: Reason) -> bool:
    trends = world.signals.trends
    weights = dict(zip(trends.rows.tolist(), trends.weights.tolist(), strict=True))
    own = weights[world.catalogue.rows[ranked.item.item_id]]
    heavier = sum(weight > own for weight in weights.values())
    return (
        own >= MIN_TREND_WEIGHT
        and heavier < reason.evidence["rank"] <= 200
        and abs(own - reason.evidence["weight"]) < 1e-2
    )


def is_fresh(world: World, ranked: RankedItem, reason: Reason) -> bool:
    published = ranked.item.published_at
    told = datetime.fromisoformat(reason.evidence["published_at"])
    return published == told and NOW - timedelta(days=reason.evidence["within_days"]) <= published <= NOW


def is_popular(world: World, ranked: RankedItem, reason: Reason) -> bool:
    models = world.signals.models.models  # type: ignore[union-attr]
    share = float(models.popularity[models.item_ids.index(ranked.item.item_id)])
    return share > 0 and abs(share - reason.evidence["share"]) < 1e-4


CHECKS = {
    "related": is_related,
    "similar": is_similar,
    "co_click": is_co_clicked,
    "als": is_als,
    "tag": is_tagged,
    "trending": is_trending,
    "fresh": is_fresh,
    "popular": is_popular,
    "seen": lambda world, ranked, _: ranked.item.item_id in history(world),
    "more": lambda world, ranked, _: ranked.source == "fallback",
}
