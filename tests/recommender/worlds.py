"""Small worlds to recommend in: a catalogue, models, trends and co-clicks, by hand or drawn by hypothesis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from civicrec.clock import to_ms
from civicrec.items import ITEM_TYPES, Item, Link, hash_of
from profiles.online.ports import ActorState, RecentItem
from recommender.artifacts import Models
from recommender.catalogue import Catalogue
from recommender.manifest import ItemItemKnobs, Manifest
from recommender.request import Request
from recommender.scenes.files import shipped_scenes
from recommender.signals import PlacedModels, Signals
from recommender.trends import Trends

SCENES = shipped_scenes()

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
HOUR = int(NOW.timestamp()) // 3600


def an_item(item_id: str, item_type: str = "policy", **fields: object) -> Item:
    return Item(item_id=item_id, item_type=item_type, title=f"标题{item_id}", **fields)  # type: ignore[arg-type]


def some_models(item_ids: list[str], seed: int = 0, k: int = 4, kind: str = "ease") -> Models:
    """Models with random arrays of the right shapes: lists must hold their promises whatever a model says."""
    rng, n = np.random.default_rng(seed), len(item_ids)
    neighbours = rng.integers(-1, n, (n, k)).astype(np.int32)
    for row in neighbours:  # a model names a neighbour once, and never the item itself
        row[np.isin(row, row[:0])] = -1
    for place, row in enumerate(neighbours):
        seen: set[int] = {place}
        for column, near in enumerate(row):
            if int(near) in seen:
                row[column] = -1
            seen.add(int(near))
    weights = np.where(neighbours < 0, 0, rng.normal(size=(n, k))).astype(np.float32)
    if kind == "cosine":
        weights = np.abs(weights)
    return Models(
        run=f"run-{seed}", item_ids=tuple(item_ids), popularity=rng.random(n).astype(np.float32),
        neighbours=neighbours, neighbour_weights=weights, factors=rng.normal(size=(n, 3)).astype(np.float32),
        neighbour_actors=np.where(neighbours < 0, 0, rng.integers(0, 60, (n, k))).astype(np.int32),
        recent_actors=rng.integers(0, 60, n).astype(np.int32), chance_actors=float(rng.integers(1, 60)),
        als_regularization=1.0, als_alpha=2.0, manifest=Manifest(item_item=ItemItemKnobs(kind)),  # type: ignore[arg-type]
    )  # fmt: skip


def signals_of(
    catalogue: Catalogue,
    models: Models | None = None,
    trends: dict[str, float] | None = None,
    co_clicks: dict[str, list[tuple[str, float]]] | None = None,
    next_clicks: dict[str, list[tuple[str, float]]] | None = None,
) -> Signals:
    return Signals(
        PlacedModels.of(models, catalogue) if models else None,
        Trends.of({HOUR: trends or {}}, catalogue, NOW),
        co_clicks or {},
        next_clicks or {},
    )


@dataclass(frozen=True)
class World:
    catalogue: Catalogue
    signals: Signals
    request: Request
    profile: ActorState
    seed: int


_DAYS = st.none() | st.integers(-40, 40)
#: The last two must never be said: one is sensitive, one no word of the vocabulary.
_THEMES = st.lists(st.sampled_from(["就业创业", "社会保障", "住房保障", "信访", "维稳对象"]), max_size=2, unique=True)
_GROUPS = st.lists(st.sampled_from(["高校毕业生", "大学生 ", "残疾人", "上访人员"]), max_size=2, unique=True)


@st.composite
def items(draw: st.DrawFn, item_id: str, ids: list[str]) -> Item:
    def at(days: int | None) -> datetime | None:
        return None if days is None else NOW + timedelta(days=days)

    valid_from, valid_until = at(draw(_DAYS)), at(draw(_DAYS))
    apply_until = at(draw(_DAYS))
    return an_item(
        item_id,
        draw(st.sampled_from(ITEM_TYPES)),
        theme=tuple(draw(_THEMES)),
        person_groups=tuple(draw(_GROUPS)),
        audiences=tuple(draw(st.lists(st.sampled_from(["自然人", "企业法人"]), max_size=1))),
        published_at=at(draw(_DAYS)),
        valid_from=valid_from,
        valid_until=valid_until,
        apply_until=apply_until,
        status=draw(st.sampled_from(["online", "online", "online", "withdrawn", "draft"])),
        validity=draw(st.sampled_from(["有效", "有效", "修改", "失效", "废止"])),
        source_permitted=draw(st.sampled_from([True, True, False])),
        links=tuple(Link("serves", other) for other in draw(st.lists(st.sampled_from(ids), max_size=2, unique=True))),
    )


_DELETED = ["theme:就业创业", "theme:住房保障", "group:高校毕业生", "theme:没有的"]
#: How long ago an item was shown: lately, and around the time from which on that tells anything.
_HOURS = st.sets(st.integers(0, 5) | st.integers(14 * 24 - 3, 14 * 24 + 3), min_size=1, max_size=6)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    n = draw(st.integers(0, 25))
    ids = [f"i{place}" for place in range(n)]
    names = [*ids, "unknown"]
    some_ids = st.lists(st.sampled_from(names), max_size=6, unique=True)
    catalogue = Catalogue.of([draw(items(item_id, names)) for item_id in ids])
    in_model = draw(st.permutations(names))[: draw(st.integers(0, n + 1))]
    models = some_models(in_model, draw(st.integers(0, 99)), kind=draw(st.sampled_from(["ease", "cosine"])))
    trends = {name: draw(st.floats(0.1, 50)) for name in draw(some_ids)}
    pairs = st.lists(st.tuples(st.sampled_from(names), st.floats(0.01, 9)), max_size=4, unique_by=lambda pair: pair[0])
    signals = signals_of(
        catalogue,
        models if in_model and draw(st.booleans()) else None,
        trends,
        {name: draw(pairs) for name in draw(some_ids)},
        {name: draw(pairs) for name in draw(some_ids)},
    )
    request = Request(
        scene=SCENES[draw(st.sampled_from(sorted(SCENES)))],
        n=draw(st.integers(1, 12)),
        mode=draw(st.sampled_from(["personalised", "personalised", "general"])),
        recent=tuple(draw(some_ids)),
        item_id=draw(st.sampled_from(["", *names])),
        exclude=frozenset(draw(some_ids)),
    )
    profile = ActorState(
        recent=tuple(RecentItem(name, 0) for name in draw(some_ids)),
        tags=dict.fromkeys(
            draw(
                st.lists(
                    st.sampled_from(
                        ["theme:就业创业", "audience:自然人", "theme:没有的", "theme:信访", "group:残疾人"]
                    ),
                    unique=True,
                )
            ),
            2.0,
        ),
        deleted_tags=frozenset(draw(st.lists(st.sampled_from(_DELETED), max_size=2, unique=True))),
        disliked=dict.fromkeys(draw(some_ids), draw(st.sampled_from((0, to_ms(NOW))))),
        shown={
            hash_of(name): tuple(to_ms(NOW) // 1000 - hours * 3_600 for hours in sorted(draw(_HOURS)))
            for name in draw(some_ids)
        },
    )
    return World(catalogue, signals, request, profile, draw(st.integers(0, 5)))
