"""A made-up catalogue with models, visitors and trends, of any size, for measuring lists; says nothing of quality."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from civicrec.accounting.progress import Commit
from civicrec.clients import redis_client
from civicrec.clock import local_date, to_ms, utc_now
from civicrec.crowds import K_ANONYMITY
from civicrec.items import ITEM_TYPES, Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.runs import save_run
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from civicrec.tags import tag_name
from profiles.online.ports import OnlineUpdate, RecentItem
from profiles.online.redis_keys import co_key
from profiles.online.redis_store import RedisOnlineStore
from profiles.tags import load_vocabulary
from recommender.artifacts import Models, save_models
from recommender.manifest import ItemItemKnobs, LearnedTrees, LearnedWeights, Manifest
from recommender.ranking.features import FEATURES, TREE_INPUTS
from recommender.ranking.trees import N_INNER, N_LEAVES
from recommender.scenes.files import shipped_scenes
from recommender.training.trees import N_TREES

N_ACTORS = 2_000
_N_THEMES = 60
_N_NEIGHBOURS = 100
_N_FACTORS = 64
_CHUNK = 20_000
_RUN = "bench"


def fill(settings: Settings, n_items: int, seed: int = 0) -> None:
    """Put everything a list is made from into the stores of these settings."""
    rng, now = np.random.default_rng(seed), utc_now()
    registry = open_registry(settings.registry_address)
    ages_h = rng.exponential(24 * 30, n_items)
    words = governed_themes()
    themes, types = rng.integers(0, _N_THEMES, (n_items, 2)), rng.integers(0, len(ITEM_TYPES), n_items)
    for start in range(0, n_items, _CHUNK):
        upsert_items(registry, [
            Item(
                item_id=f"item-{n}", item_type=ITEM_TYPES[types[n]], title=f"关于第{n}项便民举措的通知",
                url=f"/items/{n}", theme=tuple({words[theme] for theme in themes[n]}), audiences=("自然人",),
                published_at=now - timedelta(hours=float(ages_h[n])),
            )
            for n in range(start, min(start + _CHUNK, n_items))
        ])  # fmt: skip
    popularity = np.sort(rng.pareto(1.2, n_items).astype(np.float32))[::-1]
    save_models(settings.models_path, Models(
        run=_RUN,
        item_ids=tuple(f"item-{n}" for n in range(n_items)),
        popularity=(popularity / popularity.sum()).astype(np.float32),
        neighbours=rng.integers(0, n_items, (n_items, _N_NEIGHBOURS), dtype=np.int32),
        neighbour_weights=rng.random((n_items, _N_NEIGHBOURS), dtype=np.float32),
        neighbour_actors=rng.integers(K_ANONYMITY, 100, (n_items, _N_NEIGHBOURS), dtype=np.int32),
        recent_actors=rng.integers(0, 100, n_items, dtype=np.int32),
        factors=rng.standard_normal((n_items, _N_FACTORS), dtype=np.float32),
        chance_actors=float(10 * n_items),
        als_regularization=10.0,
        als_alpha=10.0,
        manifest=Manifest(
            item_item=ItemItemKnobs("cosine"),
            rankers={name: _ranker(rng) for name, scene in shipped_scenes().items() if scene.ranker == "learned"},
        ),
    ))  # fmt: skip
    save_run(registry, _RUN, local_date(now), {}, now)
    registry.dispose()
    _fill_store(settings, n_items, rng, to_ms(now))


def _ranker(rng: np.random.Generator) -> LearnedWeights:
    """Return weights and trees by chance, as many as a night learns: they cost what learned ones cost."""
    trees = LearnedTrees(
        list(TREE_INPUTS),
        rng.integers(0, len(TREE_INPUTS), (N_TREES, N_INNER)).tolist(),
        rng.random((N_TREES, N_INNER)).tolist(),
        rng.standard_normal((N_TREES, N_LEAVES)).tolist(),
    )
    weights = dict(zip(FEATURES, rng.random(len(FEATURES)).tolist(), strict=True))
    return LearnedWeights(weights, clicks=1_000, learned=0.0, declared=0.0, trees=trees)


def _fill_store(settings: Settings, n_items: int, rng: np.random.Generator, now_ms: int) -> None:
    read = {f"bench-{actor}": rng.integers(0, n_items, rng.integers(1, 15)) for actor in range(N_ACTORS)}
    interacted_with = sorted({int(item) for items in read.values() for item in items})
    hour, crowd = now_ms // 3_600_000, {f"crowd-{actor}": 1.0 for actor in range(K_ANONYMITY)}
    recent = {
        actor: [RecentItem(f"item-{item}", now_ms - 60_000 * place) for place, item in enumerate(items)]
        for actor, items in read.items()
    }
    client = redis_client(settings.redis, timeout_s=60)
    words, store = governed_themes(), RedisOnlineStore(client)
    store.apply(Commit("bench", 0, 1), OnlineUpdate(recent=recent))
    for back in range(24):  # one by one: the store answers nobody while it takes an update
        of_hour = {f"item-{item}": crowd for item in rng.integers(0, n_items, 1_000)}
        store.apply(Commit("bench", 1 + back, 2 + back), OnlineUpdate(interests={hour - back: of_hour}))
    pipeline = client.pipeline(transaction=False)
    for item in interacted_with:  # written as they stand once a crowd made them
        near = rng.integers(0, n_items, 50)
        pipeline.zadd(co_key(f"item-{item}"), {f"item-{other}": float(rng.random()) for other in near})
    pipeline.execute()
    tags = {actor: {tag_name("theme", words[theme]): 1.0 for theme in rng.integers(0, _N_THEMES, 6)} for actor in read}
    store.put_tags(_RUN, tags.items())


def governed_themes() -> list[str]:
    """Return governed words: others never become tags, and a list would have less to do."""
    tags = load_vocabulary().tags.values()
    return [tag.word for tag in tags if tag.dimension == "theme" and tag.inferable][:_N_THEMES]
