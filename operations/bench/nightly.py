"""Seconds of each nightly step on made-up behaviour of a small city or a large one, beside bare fits by implicit."""

from __future__ import annotations

from itertools import cycle
from resource import RUSAGE_SELF, getrusage
from time import process_time
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from civicrec.clock import monotonic_s
from civicrec.items import ITEM_TYPES
from civicrec.settings import Settings, TrainingSettings
from civicrec.warehouse.clicks import draw_of
from operations.rankers import MAX_REPLAYED, learn_rankers
from operations.replay import Click, items_of
from recommender.manifest import LearnedWeights
from recommender.scenes.files import shipped_scenes
from recommender.training.als import AlsConfig, fit_als
from recommender.training.interactions import interactions_from
from recommender.training.train import SEED, train

#: Names of what is timed that is implicit alone, on the same matrix with the same knobs.
RAW = "implicit alone, 3 sweeps"


class Size(NamedTuple):
    """How much is made up: visitors, items, and pairs of both before repeated ones fall together."""

    actors: int
    items: int
    pairs: int


SMALL = Size(30_000, 1_000, 200_000)
#: As many as the public log that stands behind the figures of implicit (2.95 M pairs of 322 897 readers).
LARGE = Size(300_000, 46_000, 3_400_000)
_VISITS, _VISIT_MS = 4, 20 * 60_000


def bench_nightly(size: Size = SMALL) -> dict[str, Any]:
    """Time interactions, rankers and models without any store.

    Returns
    -------
    dict
        Counts; ``learned_clicks`` of each scene; ``seconds`` of each step and of the whole night, and
        ``cpu_seconds``, which other work on the machine does not change; ``als_times_implicit``, of the same sweeps by
        our call and by implicit itself; ``times_baseline``, ratios to a matrix and one of its sweeps; ``peak_mb``, most
        memory the process had.
    """
    interests = made_up_interests(np.random.default_rng(SEED), size)
    seconds: dict[str, float] = {}
    cpu_seconds: dict[str, float] = {}

    def timed(name: str, work: Any) -> Any:
        began, cpu_began = monotonic_s(), process_time()
        result = work()
        seconds[name], cpu_seconds[name] = monotonic_s() - began, process_time() - cpu_began
        return result

    data, _ = timed("interactions", lambda: interactions_from(interests))
    matrix = timed("matrix", data.user_items)
    fit_als(matrix[:100], AlsConfig(iterations=1), SEED)  # the import of implicit is no part of a sweep
    timed("one ALS sweep", lambda: fit_als(matrix, AlsConfig(iterations=1), SEED))
    timed("als, 3 sweeps", lambda: fit_als(matrix, AlsConfig(iterations=3), SEED))
    timed(RAW, lambda: _raw_implicit(matrix, 3))
    learned = timed("rankers", lambda: _rankers(interests))
    models = timed("all models with choice of knobs", lambda: train(data, "bench", TrainingSettings()))
    baseline = seconds["matrix"] + seconds["one ALS sweep"]
    night = ("interactions", "rankers", "all models with choice of knobs")
    return {
        "pairs": len(data.users),
        "actors": data.n_users,
        "items": len(data.item_ids),
        "learned_clicks": {scene: ranker.clicks for scene, ranker in learned.items()},
        "seconds": {name: round(value, 4) for name, value in seconds.items()}
        | {"whole night": round(sum(seconds[name] for name in night), 2)},
        "cpu_seconds": {name: round(value, 4) for name, value in cpu_seconds.items()}
        | {"whole night": round(sum(cpu_seconds[name] for name in night), 2)},
        "seconds_of_models": models.manifest.seconds,
        "als_times_implicit": round(seconds["als, 3 sweeps"] / seconds[RAW], 3),
        "times_baseline": {name: round(value / baseline, 3) for name, value in seconds.items()},
        "peak_mb": round(getrusage(RUSAGE_SELF).ru_maxrss / 1024),
    }


def _raw_implicit(matrix: Any, iterations: int) -> None:
    """Fit as the library's own documentation does, with our knobs."""
    from implicit.cpu.als import AlternatingLeastSquares

    config = AlsConfig()
    model = AlternatingLeastSquares(
        factors=config.factors, regularization=config.regularization, alpha=config.alpha, iterations=iterations,
        random_state=SEED,
    )  # fmt: skip
    with threadpool_limits(1, user_api="blas"):  # as implicit itself asks for
        model.fit(matrix, show_progress=False)


def _rankers(interests: pa.Table) -> dict[str, LearnedWeights]:
    """Learn from the newest interactions, as many as a night replays at most, of items of all types in turn."""
    newest = interests.sort_by("last_ms").slice(max(0, interests.num_rows - MAX_REPLAYED))
    columns = (newest.column(name).to_pylist() for name in ("actor", "item_id", "last_ms"))
    rows = zip(*columns, strict=True)
    clicks = [Click(actor, item_id, at_ms, draw=draw_of(f"{n}")) for n, (actor, item_id, at_ms) in enumerate(rows)]
    types = {f"item-{n:05}": kind for n, kind in zip(range(LARGE.items), cycle(ITEM_TYPES))}
    items = [msgspec.structs.replace(item, item_type=types[item.item_id]) for item in items_of(clicks, {})]
    return learn_rankers(clicks, items, shipped_scenes(), Settings(), lambda _: None)


def made_up_interests(rng: np.random.Generator, size: Size = SMALL) -> pa.Table:
    """Return pairs whose items follow Zipf's law, in the shape of `civicrec.warehouse.interests`.

    Each actor comes up to `_VISITS` times and stays for minutes, so that one click follows upon another.
    """
    worth = 1.0 / np.arange(10, size.items + 10)  # popular ones lead, and the first is no outlier
    actors = rng.integers(0, size.actors, size.pairs)
    items = rng.choice(size.items, size.pairs, p=worth / worth.sum())
    actors, items = np.divmod(np.unique(actors * size.items + items), size.items)
    weights = rng.uniform(0.1, 5.0, len(actors))
    visits_ms = rng.integers(1_760_000_000_000, 1_767_000_000_000, (size.actors, _VISITS))
    stayed_ms = rng.integers(0, _VISIT_MS, len(actors))
    return pa.table({
        "actor": pa.array([f"actor-{n:06}" for n in actors.tolist()], pa.string()),
        "item_id": pa.array([f"item-{n:05}" for n in items.tolist()], pa.string()),
        "weight": weights,
        "last_ms": visits_ms[actors, rng.integers(0, _VISITS, len(actors))] + stayed_ms,
    })  # fmt: skip
