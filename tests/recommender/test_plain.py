"""A list is what plain sums say: every generator told again over dictionaries, on worlds small and large."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from math import log

import numpy as np
import pytest
from hypothesis import given, settings

from civicrec.clock import to_ms
from civicrec.items import ITEM_TYPES, Link, hash_of
from profiles.online.ports import ActorState, RecentItem
from profiles.tags import learned_tags, load_vocabulary
from recommender.candidates.co_click import MAX_CO_CLICK_SEEDS
from recommender.candidates.next_click import MAX_NEXT_CLICK_SEEDS
from recommender.candidates.tags import MAX_ITEMS_A_TAG, MAX_TAG_SEEDS, MAX_TAGS
from recommender.candidates.trending import MIN_TREND_WEIGHT
from recommender.catalogue import Catalogue
from recommender.recommend import MAX_CANDIDATES
from recommender.request import Request
from recommender.scenes.files import shipped_scenes
from recommender.signals import MAX_ALS_ITEMS
from tests.recommender.plain_factors import factor_of
from tests.recommender.plain_titles import Rarity, cosine
from tests.recommender.test_recommend import allowed, made, may_be_named
from tests.recommender.worlds import NOW, World, an_item, signals_of, some_models, worlds

SCENES = shipped_scenes()

Scores = dict[str, float]
#: Factors are single precision.
CLOSE = 1e-5
WORDS = [tag.word for tag in load_vocabulary().tags.values() if tag.dimension == "theme" and tag.inferable]


class Plain:
    """What each generator says about a world, by id."""

    def __init__(self, world: World) -> None:
        self.world, self.catalogue = world, world.catalogue
        placed, request = world.signals.models, world.request
        self.models = placed.models if placed else None
        self.model_row = {name: row for row, name in enumerate(self.models.item_ids)} if self.models else {}
        is_personal = request.mode == "personalised" and request.scene.personalised
        history = [*request.recent, *(one.item_id for one in world.profile.recent)] if is_personal else []
        self.history = [name for name in dict.fromkeys(history) if self.may_be_seed(name)]
        self.interests = world.profile.tags if is_personal else {}
        self.context = request.item_id if self.may_be_seed(request.item_id) else ""
        others = [name for name in self.history if name != self.context]
        self.seeds = ({self.context: 3.0} if self.context else {}) | dict.fromkeys(others, 1.0)
        #: Tags the reader deleted are told by no item but the page's own, nor are the words of items that carry one.
        deleted = world.profile.deleted_tags if is_personal else frozenset()
        self.told_tags = {
            name: [
                tag for tag in learned_tags(self.catalogue.items[name]) if name == self.context or tag not in deleted
            ]
            for name in self.seeds
        }
        self.told_seeds = {
            name: weight
            for name, weight in self.seeds.items()
            if len(self.told_tags[name]) == len(learned_tags(self.catalogue.items[name]))
        }
        self.open = allowed(world) - set(self.history)
        #: As the catalogue counts: ties go by it.
        self.order = list(self.catalogue.items)

    def may_be_seed(self, name: str) -> bool:
        item = self.catalogue.items.get(name)
        return item is not None and may_be_named(item)

    def parts(self) -> dict[str, Scores]:
        """Return item → generator → its part of the score."""
        parts: dict[str, Scores] = defaultdict(dict)
        for source, weight in self.world.request.scene.sources.items():
            named = self.best(getattr(self, source)())
            for name, score in named.items():
                parts[name][source] = weight * score / max(named.values())
        return parts

    def best(self, scores: Scores, n: int = MAX_CANDIDATES) -> Scores:
        found = {name: score for name, score in scores.items() if name in self.open and score > 0}
        place = {name: row for row, name in enumerate(self.order)}
        return {name: found[name] for name in sorted(found, key=lambda name: (-found[name], place[name]))[:n]}

    def newest(self) -> list[str]:
        items = self.catalogue.items
        dated = sorted(name for name in self.order if items[name].published_at)
        undated = sorted(name for name in self.order if not items[name].published_at)
        return sorted(dated, key=lambda name: items[name].published_at, reverse=True) + undated

    def related(self) -> Scores:
        if not self.context:
            return {}
        items = self.catalogue.items
        forward = [link.item_id for link in items[self.context].links]
        backward = [name for name, item in items.items() for link in item.links if link.item_id == self.context]
        linked = [name for name in dict.fromkeys(forward + backward) if name in items and name != self.context]
        return {name: 1 / (1 + 0.1 * place) for place, name in enumerate(linked)}

    def item_item(self) -> Scores:
        scores: Scores = Counter()
        for seed, weight_of_seed in self.seeds.items():
            if seed in self.model_row:
                row = self.model_row[seed]
                for near, weight in zip(self.models.neighbours[row], self.models.neighbour_weights[row], strict=True):
                    if near >= 0:
                        scores[self.models.item_ids[near]] += weight_of_seed * float(weight)
        return scores

    def co_click(self) -> Scores:
        newest = dict(list(self.seeds.items())[:MAX_CO_CLICK_SEEDS])
        return self.paired(self.world.signals.co_clicks, newest)

    def next_click(self) -> Scores:
        newest = dict.fromkeys(list(self.seeds)[:MAX_NEXT_CLICK_SEEDS], 1.0)
        return self.paired(self.world.signals.next_clicks, newest)

    def paired(self, pairs_of: Mapping[str, Sequence[tuple[str, float]]], weight_of_seed: Scores) -> Scores:
        scores: Scores = Counter()
        for seed, weight in weight_of_seed.items():
            pairs = {name: abs(times) for name, times in pairs_of.get(seed, ()) if name in self.catalogue.items}
            for name, times in pairs.items():
                scores[name] += weight * times / max(pairs.values())
        return scores

    def als(self) -> Scores:
        """Hu, Koren & Volinsky eq. 4, solved with all items and all factors."""
        known = [self.model_row[name] for name in self.seeds if name in self.model_row]
        if not known:
            return {}
        factors = self.models.factors.astype(float)
        wanted = np.zeros(len(factors))
        wanted[known] = 1.0
        confidence = np.where(wanted > 0, self.models.als_alpha, 1.0)
        left = factors.T @ (confidence[:, None] * factors) + self.models.als_regularization * np.eye(factors.shape[1])
        actor = np.linalg.solve(left, factors.T @ (confidence * wanted))
        popular = self.popular()
        scored = sorted(popular, key=popular.__getitem__, reverse=True)[:MAX_ALS_ITEMS]
        return {name: float(factors[self.model_row[name]] @ actor) for name in scored}

    def tags(self) -> Scores:
        tags_of = {name: learned_tags(item) for name, item in self.catalogue.items.items()}
        carried = Counter(tag for tags in tags_of.values() for tag in tags)
        interest: Scores = Counter()
        for tag, weight in self.interests.items():
            if tag in carried:
                interest[tag] += weight / max(self.interests.values())
        for place, seed in enumerate(list(self.seeds)[:MAX_TAG_SEEDS]):
            for tag in self.told_tags[seed]:
                interest[tag] += 0.8**place
        strength = {tag: weight * log((1 + len(tags_of)) / (1 + carried[tag])) for tag, weight in interest.items()}
        number = self.catalogue.tag_numbers
        strongest = sorted(
            (tag for tag in strength if strength[tag] > 0), key=lambda tag: (-strength[tag], number[tag])
        )
        scores: Scores = Counter()
        newest = [name for name in self.newest() if name in self.open]
        for tag in strongest[:MAX_TAGS]:
            for name in [name for name in newest if tag in tags_of[name]][:MAX_ITEMS_A_TAG]:
                scores[name] += strength[tag]
        return scores

    def trending(self) -> Scores:
        trends = self.world.signals.trends
        weights = zip(trends.rows.tolist(), trends.weights.tolist(), strict=True)
        hottest = sorted(weights, key=lambda pair: (-pair[1], pair[0]))[:200]
        return {self.order[row]: weight for row, weight in hottest if weight >= MIN_TREND_WEIGHT}

    def fresh(self) -> Scores:
        ages = {
            name: (NOW - item.published_at) / timedelta(days=1)
            for name, item in self.catalogue.items.items()
            if item.published_at
        }
        return {name: 0.5**age for name, age in ages.items() if 0 <= age < 7}

    @cached_property
    def rarity(self) -> Rarity:
        return Rarity([self.catalogue.items[name].title for name in self.newest()])

    def title_likeness(self, name: str, n_read: int) -> float:
        read = [(self.catalogue.items[seed].title, weight) for seed, weight in list(self.told_seeds.items())[:n_read]]
        return cosine(self.rarity.history(read), self.rarity.vector(self.catalogue.items[name].title))

    def content(self) -> Scores:
        newest = [name for name in self.newest() if name in self.open][:300]
        scores = {name: self.title_likeness(name, 10) for name in newest}
        return {name: score for name, score in scores.items() if score >= 0.1}

    def popular(self) -> Scores:
        here = [name for name in self.model_row if name in self.catalogue.items]
        return {name: float(self.models.popularity[self.model_row[name]]) for name in here}


def check(world: World) -> None:
    # What a refusal of today does to what is like the item is told in test_refused.py.
    profile = replace(world.profile, disliked=dict.fromkeys(world.profile.disliked, 0))
    world = replace(world, profile=profile)
    ranked, parts = made(world).items, Plain(world).parts()
    for name, said in parts.items():
        parts[name] = {source: factor_of(world, name) * part for source, part in said.items()}
    totals = {name: sum(said.values()) for name, said in parts.items()}
    named = [one for one in ranked if one.source != "fallback"]
    for one in named:
        assert dict(one.parts) == pytest.approx(parts[one.item.item_id], abs=CLOSE)
        assert one.score == pytest.approx(totals[one.item.item_id], abs=CLOSE)
    assert all(one.item.item_id not in parts for one in ranked if one.source == "fallback")
    if world.request.scene.max_topic_share < 1.0:
        return  # what stands on the page is the re-ranker's word
    scores = [one.score for one in named]
    assert all(first >= second - CLOSE for first, second in zip(scores, scores[1:], strict=False))
    left_out = totals.keys() - {one.item.item_id for one in named}
    assert all(totals[name] <= scores[-1] + CLOSE for name in left_out)
    assert len(named) == min(world.request.n, len(totals))


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_the_parts_of_a_score_and_the_order_are_those_of_plain_sums(world: World) -> None:
    check(world)


@pytest.mark.parametrize("seed", range(8))
def test_so_they_are_where_each_generator_must_choose_among_many(seed: int) -> None:
    check(a_large_world(seed))


def a_large_world(seed: int, n: int = 1_500, n_words: int = 9) -> World:
    rng = np.random.default_rng(seed)
    names = [f"i{row}" for row in range(n)]

    def some(most: int) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names[row] for row in rng.integers(0, n, rng.integers(1, most))))

    def pairs(most: int) -> dict[str, list[tuple[str, float]]]:
        return {
            name: sorted(((near, float(rng.random())) for near in some(most)), key=lambda pair: -pair[1])
            for name in names
        }

    catalogue = Catalogue.of(
        an_item(
            name,
            ITEM_TYPES[rng.integers(len(ITEM_TYPES))],
            theme=tuple(WORDS[theme] for theme in set(rng.integers(0, n_words, 2).tolist())),
            published_at=NOW - timedelta(days=float(rng.exponential(20))) if rng.random() < 0.9 else None,
            status="online" if rng.random() < 0.9 else "withdrawn",
            apply_until=NOW + timedelta(days=float(rng.exponential(30))) if rng.random() < 0.2 else None,
            links=tuple(Link("serves", other) for other in some(3)),
        )
        for name in names
    )
    known = [*rng.permutation(names)[: int(0.8 * n)].tolist(), *(f"gone-{row}" for row in range(n // 10))]
    signals = signals_of(
        catalogue,
        some_models(known, seed, k=40, kind=("ease", "cosine")[seed % 2]),
        {name: float(rng.integers(1, 50)) for name in some(400)},
        pairs(20),
        pairs(9),
    )
    scene = SCENES[("item", "hot", "home", "item")[seed % 4]]
    profile = ActorState(
        recent=tuple(RecentItem(name, 0) for name in some(40)),
        tags={f"theme:{WORDS[theme]}": float(rng.random()) for theme in range(4)},
        disliked=dict.fromkeys(some(5), 0),
        shown=dict.fromkeys(map(hash_of, names[::25]), tuple(to_ms(NOW) // 1000 - k for k in range(1 + seed % 6))),
    )
    return World(catalogue, signals, Request(scene, 60, recent=some(5), item_id=names[seed]), profile, seed)
