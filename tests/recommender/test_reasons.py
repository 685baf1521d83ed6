"""Every reason is true and credible: recomputed here from items, models and counts, without the code that made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings

from civicrec.editorial import Rule
from civicrec.items import Item, Link
from profiles.online.ports import ActorState
from profiles.tags import learned_tags
from recommender.candidates.trending import MIN_TREND_WEIGHT
from recommender.catalogue import Catalogue
from recommender.editorial import Editorial
from recommender.generators import REASON_CODES
from recommender.recommend import recommend
from recommender.request import RankedItem, Reason, Request
from recommender.scenes.files import shipped_scenes
from tests.recommender.plain_titles import Rarity, cosine
from tests.recommender.test_plain import a_large_world
from tests.recommender.test_recommend import made, may_be_named
from tests.recommender.worlds import NOW, World, an_item, signals_of, some_models, worlds

#: What may be said of each item of a page, and comes after what says something of one.
GENERAL = {"trending", "fresh", "popular", "seen", "more"}
CREDIBILITY = {
    "related": 4,
    "mention": 4,
    "similar": 3,
    "co_click": 3,
    "next_click": 3,
    "tag": 2,
    "content": 2,
    "deadline": 2,
    "als": 1,
}


def check(world: World, items: tuple[RankedItem, ...]) -> None:
    for ranked in items:
        assert ranked.reasons
        for reason in ranked.reasons:
            assert holds(world, ranked, reason), (ranked.item, reason)
        levels = [CREDIBILITY.get(reason.code, 0) for reason in ranked.reasons]
        assert levels == sorted(levels, reverse=True)
        assert len({reason.text for reason in ranked.reasons}) == len(ranked.reasons)
    said = Counter(reason.text for one in items for reason in one.reasons if reason.code not in GENERAL)
    assert all(times <= max(1, len(items) // 3) for times in said.values()), said


@given(worlds())
@settings(max_examples=400, deadline=None)
def test_every_reason_is_true(world: World) -> None:
    check(world, made(world).items)


def test_so_is_every_reason_of_large_worlds_and_all_codes_are_said() -> None:
    said = set()
    for seed in range(8):
        world = a_large_world(seed, n_words=40)
        world = replace(world, request=replace(world.request, n=(5, 20, 60)[seed % 3]))
        pin = Rule("pin", made(world).items[-1].item.item_id, position=1, text="重点", number=7)
        decided = replace(world.signals, editorial=Editorial.of([pin], world.catalogue))
        world = replace(world, signals=decided)
        items = made(world).items
        check(world, items)
        said |= {reason.code for one in items for reason in one.reasons}
    assert said >= set(REASON_CODES) - {"mention", "seen", "content"}


UNSAID = ("信访", "残疾人", "维稳对象", "上访人员", "大学生", "高校毕业生", "自然人", "企业法人")


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_a_reason_says_no_sensitive_and_no_ungoverned_word_and_none_of_a_person(world: World) -> None:
    for ranked in made(world).items:
        assert not any(word in reason.text for word in UNSAID for reason in ranked.reasons)


SCENES = shipped_scenes()


def test_what_everybody_reads_and_what_few_share_is_no_reason() -> None:
    ids = [f"i{place}" for place in range(40)]
    catalogue = Catalogue.of([an_item(name) for name in ids])
    models = some_models(ids, kind="ease", k=4)
    models.neighbours[0], models.neighbour_weights[0] = [1, 2, 3, 4], [0.9, 0.8, 0.7, 0.6]
    models.popularity[:] = 0.01
    models.popularity[:5] = [0.1, 0.9, 0.1, 0.1, 0.01]
    models.neighbour_actors[0] = [90, 9, 40, 10]  # everybody's, too few, well above chance, just enough
    models = replace(models, chance_actors=1_000.0)
    made_of = recommend(
        Request(SCENES["item"], 8, item_id="i0"), ActorState(), catalogue, signals_of(catalogue, models), NOW
    )
    said = {one.item.item_id: [reason.code for reason in one.reasons] for one in made_of.items}
    assert {name for name, codes in said.items() if "similar" in codes} == {"i3", "i4"}


@pytest.mark.parametrize(
    ("until", "says"),
    [
        (datetime(2026, 3, 20, 16, tzinfo=NOW.tzinfo), "3月20日截止申报"),  # midnight in China: the day before
        (datetime(2026, 3, 10, 16, tzinfo=NOW.tzinfo), "今日截止申报"),
        (NOW + timedelta(days=16), ""),
    ],
)
def test_a_deadline_is_told_by_its_last_day(until: datetime, says: str) -> None:
    catalogue = Catalogue.of([an_item("i0", apply_until=until)])
    (one,) = recommend(Request(SCENES["home"], 1), ActorState(), catalogue, signals_of(catalogue), NOW).items
    assert one.reasons[0].text == (says or "更多内容")


def test_what_is_not_yet_open_has_no_deadline() -> None:
    item = an_item("i0", apply_from=NOW + timedelta(days=1), apply_until=NOW + timedelta(days=9))
    catalogue = Catalogue.of([item])
    (one,) = recommend(Request(SCENES["home"], 1), ActorState(), catalogue, signals_of(catalogue), NOW).items
    assert one.reasons[0].code == "more"


def test_a_link_with_what_was_just_read_leads_wherever_the_item_came_from() -> None:
    catalogue = Catalogue.of(
        [
            an_item("p", links=(Link("serves", "s"), Link("part_of", "t"))),
            an_item("s", "service"),
            an_item("t", "topic"),
        ]
    )
    request = Request(SCENES["home"], 2, recent=("p",))
    items = recommend(request, ActorState(), catalogue, signals_of(catalogue), NOW).items
    assert {one.item.item_id: one.reasons[0].text for one in items} == {
        "s": "与您刚看过的《标题p》配套",
        "t": "本专题收录了《标题p》",
    }


def holds(world: World, ranked: RankedItem, reason: Reason) -> bool:
    return CHECKS[reason.code](world, ranked, reason)


def history(world: World) -> set[str]:
    request = world.request
    if request.mode == "general" or not request.scene.personalised:
        return {request.item_id}
    return {request.item_id, *request.recent, *(one.item_id for one in world.profile.recent)}


def title_of(world: World, item_id: str) -> str:
    return world.catalogue.items[item_id].title


def seeds(world: World) -> list[str]:
    """Return the ids a list is derived from, the page's item first, then the newest."""
    request = world.request
    is_personal = request.mode == "personalised" and request.scene.personalised
    recent = [*request.recent, *(one.item_id for one in world.profile.recent)] if is_personal else []
    known = dict.fromkeys([request.item_id, *recent])
    return [name for name in known if name in world.catalogue.items and may_be_named(world.catalogue.items[name])]


def deleted(world: World) -> frozenset[str]:
    is_personal = world.request.mode == "personalised" and world.request.scene.personalised
    return world.profile.deleted_tags if is_personal else frozenset()


def told_seeds(world: World) -> list[str]:
    """Return those of `seeds` of which the reader deleted no tag, and the page's item."""
    return [
        name
        for name in seeds(world)
        if name == world.request.item_id or deleted(world).isdisjoint(learned_tags(world.catalogue.items[name]))
    ]


def is_related(world: World, ranked: RankedItem, reason: Reason) -> bool:
    other = world.catalogue.items[reason.evidence["item_id"]]
    own = {(link.rel, link.item_id) for link in ranked.item.links}
    others = {(link.rel, link.item_id) for link in other.links}
    rel = reason.evidence["rel"]
    held_by_it, held_by_other = (rel, other.item_id) in own, (rel, ranked.item.item_id) in others
    if rel == "part_of":
        side = (held_by_it and reason.text.startswith("收录于")) or (
            held_by_other and reason.text.startswith("本专题收录了")
        )
    else:
        side = (held_by_it or held_by_other) and reason.text.endswith("配套")
    is_just_read = (
        "刚" not in reason.text
        or other.item_id == [*seeds(world), ""][1 if world.request.item_id in seeds(world) else 0]
    )
    return side and is_just_read and other.item_id in seeds(world)[:10] and other.title in reason.text


def model_pair(world: World, seed: str, item_id: str) -> tuple[float, int, float]:
    """Return weight and actors of a pair of the item-item model, and the actors it would share by chance."""
    models = world.signals.models.models  # type: ignore[union-attr]
    row, other = models.item_ids.index(seed), models.item_ids.index(item_id)
    (place,) = np.flatnonzero(models.neighbours[row] == other)
    chance = models.chance_actors * float(models.popularity[row]) * float(models.popularity[other])
    both = [world.catalogue.items[name] for name in (seed, item_id)]
    days = [item.published_at or datetime.min.replace(tzinfo=UTC) for item in both if item.item_type == "news"]
    if len(days) == 2 and abs(days[0] - days[1]) <= timedelta(days=3):
        chance *= 2
    return float(models.neighbour_weights[row][place]), int(models.neighbour_actors[row][place]), chance


def is_similar(world: World, ranked: RankedItem, reason: Reason) -> bool:
    seed = reason.evidence["item_id"]
    weight, actors, chance = model_pair(world, seed, ranked.item.item_id)
    is_told = (
        abs(weight - reason.evidence["weight"]) < 1e-4
        and actors == reason.evidence["actors"]
        and reason.evidence["lift"] == pytest.approx(actors / chance, abs=0.006, rel=1e-5)
    )
    is_credible = actors >= 10 and actors - 2 * sqrt(actors) >= 2 * chance * (1 - 1e-6)
    return seed in seeds(world) and weight > 0 and is_told and is_credible and title_of(world, seed) in reason.text


def hottest(world: World, n: int) -> list[str]:
    return [world.catalogue.item_ids[row] for row in world.signals.trends.rows[:n].tolist()]


def is_co_clicked(world: World, ranked: RankedItem, reason: Reason) -> bool:
    manifest = world.signals.models.models.manifest if world.signals.models else None
    if "live" not in reason.evidence:
        return manifest is not None and manifest.item_item.model == "cosine" and is_similar(world, ranked, reason)
    return is_among_the_heaviest(world, ranked, reason, world.signals.co_clicks, 5)


def is_next_clicked(world: World, ranked: RankedItem, reason: Reason) -> bool:
    return is_among_the_heaviest(world, ranked, reason, world.signals.next_clicks, 2)


def is_among_the_heaviest(
    world: World, ranked: RankedItem, reason: Reason, pairs: Mapping[str, Sequence[tuple[str, float]]], n_seeds: int
) -> bool:
    seed, name = reason.evidence["item_id"], ranked.item.item_id
    counted = {other: weight for other, weight in pairs[seed] if other in world.catalogue.items}
    heavier = sum(weight > counted[name] for weight in counted.values())
    is_heavy = heavier < 5 and name not in hottest(world, 20)
    return seed in seeds(world)[:n_seeds] and is_heavy and title_of(world, seed) in reason.text


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
    scores = {name: factors[row] @ actor for row, name in enumerate(models.item_ids) if name in world.catalogue.items}
    score, best = scores[ranked.item.item_id], max(scores.values())
    is_clear = score > 0 and score >= 0.25 * best - 1e-5
    return len(known) >= 5 and is_clear and reason.evidence["model"] == models.run


def is_alike(world: World, ranked: RankedItem, reason: Reason) -> bool:
    rarity = Rarity([item.title for item in world.catalogue.items.values()])
    own, seed = rarity.vector(ranked.item.title), reason.evidence["item_id"]
    alike = {name: cosine(rarity.vector(title_of(world, name)), own) for name in told_seeds(world)[:10]}
    is_told = (
        reason.evidence["likeness"] == pytest.approx(alike[seed], abs=0.006) and title_of(world, seed) in reason.text
    )
    return is_told and alike[seed] >= max(0.4, *alike.values()) - 1e-9


def is_tagged(world: World, ranked: RankedItem, reason: Reason) -> bool:
    tag = reason.evidence["tag"]
    dimension, word = tag.split(":")
    carrying = sum(tag in learned_tags(item) for item in world.catalogue.items.values())
    is_rare = log((1 + len(world.catalogue)) / (1 + carrying)) >= log(8) - 1e-9
    if not (is_rare and tag in learned_tags(ranked.item) and f"“{word}”" in reason.text):
        return False
    if "item_id" in reason.evidence:
        other = reason.evidence["item_id"]
        shared = tag in learned_tags(world.catalogue.items[other]) and other in seeds(world)[:10]
        is_own = tag not in deleted(world) or other == world.request.item_id
        is_said = title_of(world, other) in reason.text and dimension in ("theme", "industry", "life_event")
        return shared and is_own and is_said
    is_personal = world.request.mode == "personalised" and world.request.scene.personalised
    is_interest = is_personal and world.profile.tags[tag] >= max(world.profile.tags.values()) / 3
    return is_interest and reason.text == f"与您关注的“{word}”有关" and dimension in ("theme", "industry")


def is_trending(world: World, ranked: RankedItem, reason: Reason) -> bool:
    trends = world.signals.trends
    weights = dict(zip(trends.rows.tolist(), trends.weights.tolist(), strict=True))
    own = weights[world.catalogue.rows[ranked.item.item_id]]
    heavier = sum(weight > own for weight in weights.values())
    return (
        own >= MIN_TREND_WEIGHT
        and heavier < reason.evidence["rank"] <= min(200, max(10, len(world.catalogue) // 10))
        and abs(own - reason.evidence["weight"]) < 1e-2
    )


def is_fresh(world: World, ranked: RankedItem, reason: Reason) -> bool:
    published = ranked.item.published_at
    told = datetime.fromisoformat(reason.evidence["published_at"])
    is_told = abs(published - told) < timedelta(milliseconds=1)
    return is_told and NOW - timedelta(days=reason.evidence["within_days"]) <= published <= NOW


def is_popular(world: World, ranked: RankedItem, reason: Reason) -> bool:
    models = world.signals.models.models  # type: ignore[union-attr]
    row_of = {name: row for row, name in enumerate(models.item_ids) if name in world.catalogue.items}
    own = row_of[ranked.item.item_id]
    if "actors" in reason.evidence:
        of_office = [row for name, row in row_of.items() if is_of_office(world.catalogue.items[name])]
        actors = models.recent_actors
        busier = sum(actors[row] > actors[own] for row in of_office)
        is_busy = own in of_office and busier < max(10, len(of_office) // 10)
        told = reason.evidence["actors"] == actors[own] >= 10 and reason.evidence["within_days"] == 7
        return is_busy and told and reason.text == "近一周查询办理较多"
    share = float(models.popularity[own])
    ahead = sum(models.popularity[row] > share for row in row_of.values())
    is_often = share > 0 and ahead < max(10, len(world.catalogue) // 10)
    return is_often and abs(share - reason.evidence["share"]) < 1e-4


def is_of_office(item: Item) -> bool:
    return item.item_type in ("service", "guide")


def closes_soon(_: World, ranked: RankedItem, reason: Reason) -> bool:
    until, since = ranked.item.apply_until, ranked.item.apply_from
    last = (until - timedelta(milliseconds=1)).astimezone(timezone(timedelta(hours=8)))
    is_open = (since is None or since <= NOW) and NOW < until <= NOW + timedelta(days=15)
    is_told = reason.text.startswith(("今日截止", f"{last.month}月{last.day}日截止", f"{last.year}年{last.month}月"))
    told = datetime.fromisoformat(reason.evidence["apply_until"])
    is_same = abs(told - until) < timedelta(milliseconds=1)
    return is_open and is_told and is_same and ranked.item.item_type in ("policy", "service", "guide")


def has_nothing_else(world: World, ranked: RankedItem, _: Reason) -> bool:
    """Say whether no general reason holds: where one does, it is told."""
    published = ranked.item.published_at
    is_new = published is not None and NOW - timedelta(days=7) < published <= NOW
    n_hot = min(200, max(10, len(world.catalogue) // 10))
    return not is_new and ranked.item.item_id not in hottest(world, n_hot) and len(ranked.reasons) == 1


def is_pinned(world: World, ranked: RankedItem, reason: Reason) -> bool:
    return ranked.source == "editorial" and any(
        rule.kind == "pin" and rule.item_id == ranked.item.item_id
        and reason.text == f"编辑推荐：{rule.text}" and reason.evidence == {"rule": rule.number}
        for _, rule in world.signals.editorial.rules
    )  # fmt: skip


CHECKS = {
    "editorial": is_pinned,
    "related": is_related,
    "similar": is_similar,
    "co_click": is_co_clicked,
    "next_click": is_next_clicked,
    "als": is_als,
    "tag": is_tagged,
    "content": is_alike,
    "deadline": closes_soon,
    "trending": is_trending,
    "fresh": is_fresh,
    "popular": is_popular,
    "seen": lambda world, ranked, _: ranked.item.item_id in history(world),
    "more": has_nothing_else,
}
