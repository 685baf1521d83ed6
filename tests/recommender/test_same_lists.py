"""Lists of one fixed world, as they were when `same_lists.json` was written: a change of structure changes none."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from civicrec.items import ITEM_TYPES, Item, Link
from profiles.online.ports import ActorState, RecentItem
from recommender.catalogue import Catalogue
from recommender.recommend import recommend
from recommender.related import related_to
from recommender.request import RankedItem, Request
from recommender.scenes.files import shipped_scenes
from recommender.signals import Signals
from tests.recommender.worlds import NOW, an_item, signals_of, some_models

SCENES = shipped_scenes()

KEPT = Path(__file__).with_name("same_lists.json")
THEMES = ("就业创业", "社会保障", "住房保障", "教育科研")
N = 160


def a_catalogue() -> Catalogue:
    def item(place: int) -> Item:
        return an_item(
            f"i{place}",
            ITEM_TYPES[place % len(ITEM_TYPES)],
            theme=(THEMES[place % 4],) if place % 5 else (),
            audiences=("自然人",) if place % 3 == 0 else (),
            published_at=NOW - timedelta(hours=7 * place) if place % 11 else None,
            summary=f"参见《标题i{(place * 7) % N}》" if place % 6 == 0 else "",
            links=(Link("serves", f"i{(place * 3 + 1) % N}"),) if place % 4 == 0 else (),
        )

    return Catalogue.of([item(place) for place in range(N)])


def the_signals(catalogue: Catalogue, kind: str) -> Signals:
    rng = np.random.default_rng(7)
    models = some_models([f"i{place}" for place in range(0, N - 20)], seed=3, k=20, kind=kind)
    trends = {f"i{place}": float(rng.uniform(0.5, 40)) for place in range(5, N, 9)}
    co_clicks = {
        f"i{place}": [(f"i{int(other)}", float(rng.uniform(1, 9))) for other in rng.choice(N, 6, replace=False)]
        for place in range(N)
    }
    next_clicks = {
        f"i{place}": [(f"i{int(other)}", float(rng.uniform(1, 9))) for other in rng.choice(N, 3, replace=False)]
        for place in range(N)
    }
    return signals_of(catalogue, models, trends, co_clicks, next_clicks)


CALLERS = {
    "stranger": (ActorState(), ()),
    "reader": (
        ActorState(
            recent=tuple(RecentItem(f"i{place}", 0) for place in (150, 12, 31, 44, 9, 77, 145)),
            tags={"theme:就业创业": 3.0, "audience:自然人": 1.0},
            disliked={"i20": 0, "i21": 0},
        ),
        (),
    ),
    "own history": (ActorState(), ("i3", "i152", "i64")),
}


def row_of(ranked: RankedItem) -> list[Any]:
    parts = {source: round(part, 6) for source, part in ranked.parts.items()}
    reasons = [[reason.code, reason.text, dict(reason.evidence)] for reason in ranked.reasons]
    rest = json.dumps([ranked.position, parts, reasons], ensure_ascii=False)
    return [ranked.item.item_id, round(ranked.score, 6), ranked.source, sha256(rest.encode()).hexdigest()[:10]]


def all_lists(kind: str) -> dict[str, list[Any]]:
    catalogue = a_catalogue()
    signals = the_signals(catalogue, kind)
    lists: dict[str, list[Any]] = {}
    for name, scene in SCENES.items():
        for caller, (profile, recent) in CALLERS.items():
            for item_id in ("", "i24"):
                first = recommend(Request(scene, 6, recent=recent, item_id=item_id), profile, catalogue, signals, NOW)
                request = Request(scene, 6, recent=recent, item_id=item_id, cursor=first.next_cursor)
                second = recommend(request, profile, catalogue, signals, NOW)
                lists[f"{name}, {caller}, {item_id}"] = [first.mode, *map(row_of, (*first.items, *second.items))]
    for item_id in ("i24", "i6", "i151"):
        related = related_to(item_id, catalogue, signals, NOW, 4)
        lists[f"related, {item_id}"] = [[item_type, *map(row_of, items)] for item_type, items in related.items()]
    return lists


@pytest.mark.parametrize("kind", ["ease", "cosine"])
def test_the_lists_of_a_fixed_world_stay_as_they_are(kind: str) -> None:
    kept: dict[str, list[Any]] = json.loads(KEPT.read_text())[kind]
    lists = json.loads(json.dumps(all_lists(kind)))
    assert lists.keys() == kept.keys()
    assert {name: lists[name] for name in kept if lists[name] != kept[name]} == {}
