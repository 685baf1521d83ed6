"""Seconds of each nightly step on made-up behaviour of a small city, beside one bare ALS sweep by implicit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from civicrec.clock import monotonic_s
from civicrec.settings import TrainingSettings
from profiles.tags import load_vocabulary
from profiles.update import weigh_tags
from recommender.training.als import AlsConfig, fit_als
from recommender.training.interactions import interactions_from
from recommender.training.item_item import neighbours
from recommender.training.train import DEFAULT_L2, SEED, train

N_ACTORS, N_ITEMS, N_PAIRS = 30_000, 1_000, 200_000


def bench_nightly() -> dict[str, Any]:
    """Time tags and models of `N_PAIRS` interests without any store; ratios are to matrix and one ALS sweep."""
    interests = made_up_interests(np.random.default_rng(SEED))
    words = sorted(load_vocabulary().inferable)
    item_tags = {f"item-{n:05}": (words[n % len(words)], words[(7 * n) % len(words)]) for n in range(N_ITEMS)}
    data, _ = interactions_from(interests)
    seconds: dict[str, float] = {}

    def timed(name: str, work: Any) -> Any:
        began = monotonic_s()
        result = work()
        seconds[name] = monotonic_s() - began
        return result

    shape = (data.n_users, len(data.item_ids))
    fit_als(data.user_items()[:100], AlsConfig(iterations=1), SEED)  # the import of implicit is no part of a sweep
    matrix = timed("matrix", lambda: csr_matrix((data.weights, (data.users, data.items)), shape=shape))
    timed("one ALS sweep", lambda: fit_als(matrix, AlsConfig(iterations=1), SEED))
    timed("interactions", lambda: interactions_from(interests))
    tags = timed("tags", lambda: weigh_tags(interests, item_tags, allowed=words))
    timed("item-item", lambda: neighbours(matrix, DEFAULT_L2, 200))
    timed("als", lambda: fit_als(matrix, AlsConfig(), SEED))
    timed("all models with choice of knobs", lambda: train(data, "bench", TrainingSettings()))
    baseline = seconds["matrix"] + seconds["one ALS sweep"]
    return {
        "pairs": len(data.users),
        "actors": data.n_users,
        "items": len(data.item_ids),
        "tag_rows": len(tags),
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "times_baseline": {name: round(value / baseline, 3) for name, value in seconds.items()},
    }


def made_up_interests(rng: np.random.Generator) -> pa.Table:
    """Return pairs whose items follow Zipf's law, in the shape of `civicrec.warehouse.interests`."""
    actors = rng.integers(0, N_ACTORS, N_PAIRS)
    items = np.minimum(rng.zipf(1.3, N_PAIRS), N_ITEMS) - 1
    actors, items = np.unique(np.stack([actors, items]), axis=1)
    weights = rng.uniform(0.1, 5.0, len(actors))
    return pa.table({
        "actor": pa.array([f"actor-{n:06}" for n in actors.tolist()], pa.string()),
        "item_id": pa.array([f"item-{n:05}" for n in items.tolist()], pa.string()),
        "weight": weights,
        "decayed": weights / 2,
        "last_ms": rng.integers(1_760_000_000_000, 1_767_000_000_000, len(actors)),
    })  # fmt: skip
