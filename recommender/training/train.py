"""Training: interactions in, `Models` and their manifest out. No clock but a stopwatch, no store.

Knobs are chosen on one part of the held-out users, figures are reported on the other, then the models are fitted
on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from civicrec.clock import monotonic_s
from civicrec.process.progress import ShowProgress
from civicrec.settings import TrainingSettings
from recommender.artifacts import Models
from recommender.generators import als_share
from recommender.manifest import AlsKnobs, Counts, Gate, ItemItemKnobs, Manifest, Offline
from recommender.scoring import shares_of_best
from recommender.training.als import ALS_GRID, GRID_FACTORS, AlsConfig, fit_als
from recommender.training.co_occurrence import CoOccurrence, co_occurrence_of
from recommender.training.earlier import earlier_scorer, learned_until_ms
from recommender.training.gate import judge
from recommender.training.holdout import Holdout, hits, hold_out, recall
from recommender.training.interactions import Interactions
from recommender.training.item_item import DROPOUT, EASE_L2, Neighbours, chance_actors, neighbours

SEED = 20260101
#: Trying a grid costs one fit a point: up to here that is seconds, beyond it the defaults stand.
MAX_GRID_PAIRS, MAX_GRID_ITEMS = 500_000, 2_000
#: With fewer held-out users a grid would choose by chance.
MIN_GRID_USERS = 100
#: By how much more or less than its scene says ALS may count; not at all where it only takes from what item-item finds.
EMPHASES = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0)
#: EASE penalty when no slice can choose it.
DEFAULT_L2 = 200.0

#: Methods that are one model alone.
SINGLES = ("popular", "item_item", "als")

_STEPS = ("count pairs", "hold out", "choose item-item", "choose als", "judge", "fit item-item", "fit als")


def train(data: Interactions, run: str, settings: TrainingSettings, *, seed: int = SEED,
          report: ShowProgress = lambda *_: None, facts: Manifest | None = None,
          earlier: Models | None = None, counted: CoOccurrence | None = None) -> Models:  # fmt: skip
    """Fit all models.

    Parameters
    ----------
    data
        May be empty: then the models know no item, and serving lives on trends and fresh items.
    facts
        What the manifest says besides (day, data window, unknown items).
    earlier
        The models in force, which the new ones are compared with (`gate`).
    counted
        What all actors interacted with together, of the items of `data`, where that holds but some of them; counted
        from `data` if it is not given.
    """
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        report(name, _STEPS.index(name), len(_STEPS))
        began = monotonic_s()
        yield
        seconds[name] = round(monotonic_s() - began, 3)

    n_items = len(data.item_ids)
    with step("count pairs"):
        items = counted or co_occurrence_of(data)
    with step("hold out"):
        held = hold_out(data, seed)
        users = np.union1d(held.choose[:, 0], held.report[:, 0])
        rest = items.without(data.user_items()[users], held.train.user_items()[users])
    with step("choose item-item"):
        l2 = _choose_l2(held, rest, settings.neighbours)
    with step("choose als"):
        config = _choose_als(held, settings.factors, seed)
    with step("judge"):
        found, emphasis = _judged(held, rest, l2, config, settings.neighbours, seed)
        gate = _gate(held, found, earlier)
    del rest
    with step("fit item-item"):
        near = neighbours(items, l2, settings.neighbours)
    with step("fit als"):
        factors = fit_als(data.user_items(), config, seed) if n_items else np.zeros((0, 1), np.float32)
    report("done", len(_STEPS), len(_STEPS))
    manifest = msgspec.structs.replace(
        facts or Manifest(),
        counts=Counts(items.n_actors, n_items, int(items.actors.sum())),
        item_item=ItemItemKnobs("ease", settings.neighbours, l2, DROPOUT, len(items.active)),
        als=AlsKnobs(
            factors.shape[1],
            config.regularization,
            config.alpha,
            config.iterations,
            round(items.n_actors / max(1, data.n_users)) or 1,
        ),
        emphasis=emphasis,
        offline=Offline(len(held.report), {name: round(float(one.mean()), 4) for name, one in found.items()}),
        gate=gate,
        seed=seed,
        seconds=seconds,
        versions={name: version(name) for name in ("civicrec", "numpy", "scipy", "implicit")},
    )
    return Models(
        run=run,
        item_ids=data.item_ids,
        popularity=(items.actors / max(1, items.n_actors)).astype(np.float32),
        neighbours=near.rows,
        neighbour_weights=near.weights,
        neighbour_actors=near.actors,
        recent_actors=items.recent_actors.astype(np.int32),
        factors=factors,
        chance_actors=chance_actors(items),
        als_regularization=config.regularization,
        als_alpha=config.alpha,
        manifest=manifest,
    )


def _choose_l2(held: Holdout, rest: CoOccurrence, k: int) -> float:
    if held.n_choosing < MIN_GRID_USERS or len(held.train.item_ids) > MAX_GRID_ITEMS:
        return DEFAULT_L2
    matrix = held.train.user_items()
    recalls = {l2: recall(matrix, held.choose, _neighbour_scorer(neighbours(rest, l2, k))) for l2 in EASE_L2}
    return max(recalls, key=lambda l2: (recalls[l2], -l2))


def _choose_als(held: Holdout, factors: int, seed: int) -> AlsConfig:
    default = AlsConfig(factors=factors)
    if held.n_choosing < MIN_GRID_USERS or len(held.train.users) > MAX_GRID_PAIRS:
        return default
    matrix = held.train.user_items()
    short = replace(default, factors=min(factors, GRID_FACTORS))
    tried = [replace(short, alpha=alpha, regularization=reg) for alpha, reg in ALS_GRID]
    recalls = [recall(matrix, held.choose, _als_scorer(fit_als(matrix, config, seed), config)) for config in tried]
    return replace(tried[int(np.argmax(recalls))], factors=factors)


def _als_scorer(factors: NDArray[np.float32], config: AlsConfig) -> Callable[[Any], NDArray[np.float64]]:
    wide = factors.astype(np.float64)
    ridge = wide.T @ wide + config.regularization * np.eye(wide.shape[1])

    def score(histories: Any) -> NDArray[np.float64]:
        users = np.zeros((histories.shape[0], wide.shape[1]))
        for place in range(histories.shape[0]):
            row = histories[place]
            seen, confidence = wide[row.indices], config.alpha * row.data.astype(np.float64)
            users[place] = np.linalg.solve(ridge + (seen.T * (confidence - 1)) @ seen, seen.T @ confidence)
        scores: NDArray[np.float64] = users @ wide.T
        return scores

    return score


def _judged(
    held: Holdout, rest: CoOccurrence, l2: float, config: AlsConfig, k: int, seed: int
) -> tuple[dict[str, NDArray[np.bool_]], dict[str, float] | None]:
    """Return what each model finds for each user that chose no knob, and how much more ALS should count.

    Both learned from the training part only. On short histories item-item leads, on long ones ALS does.
    """
    if not len(held.report):
        return {}, None
    matrix = held.train.user_items()
    popular = np.bincount(held.train.items, minlength=len(held.train.item_ids)).astype(np.float64)
    by_neighbours = _neighbour_scorer(neighbours(rest, l2, k))
    by_vectors = _als_scorer(fit_als(matrix, config, seed), config)
    scorers: dict[str, Callable[[Any], NDArray[Any]]] = {
        "popular": lambda histories: np.repeat(popular[None, :], histories.shape[0], axis=0),
        "item_item": by_neighbours,
        "als": by_vectors,
    }

    def blended(factor: float) -> Callable[[Any], NDArray[Any]]:
        share = als_share(factor)

        def score(histories: Any) -> NDArray[Any]:
            seen = histories.nonzero()
            shares = shares_of_best(scorers["item_item"](histories), seen)
            return shares + share * shares_of_best(by_vectors(histories), seen)

        return score

    emphasis = None
    if held.n_choosing >= MIN_GRID_USERS:
        tried = {factor: recall(matrix, held.choose, blended(factor)) for factor in EMPHASES}
        best = max(tried, key=lambda factor: (tried[factor], -factor))
        scorers["blend"] = blended(best)
        emphasis = {"als": best}
    return {name: hits(matrix, held.report, scorer) for name, scorer in scorers.items()}, emphasis


def _gate(held: Holdout, found: dict[str, NDArray[np.bool_]], earlier: Models | None) -> Gate:
    """Compare with the models in force, on clicks that these could not have learned: those after their last day."""
    new = "blend" if "blend" in found else "item_item"
    until_ms = learned_until_ms(earlier) if earlier else None
    if not found or earlier is None or until_ms is None:
        return Gate("published", "no earlier run to compare with")
    fresh = held.report_ms >= until_ms
    those = {name: one[fresh] for name, one in found.items()}
    scorer = earlier_scorer(earlier, held.train.item_ids)
    those["earlier"] = hits(held.train.user_items(), held.report[fresh], scorer)
    singles = [name for name in SINGLES if name in those]
    return msgspec.structs.replace(judge(those, new, "earlier", singles), earlier=earlier.run)


def _neighbour_scorer(near: Neighbours) -> Callable[[Any], NDArray[np.float64]]:
    n_items, width = near.rows.shape
    others, there = near.rows.ravel(), near.rows.ravel() >= 0
    items = np.repeat(np.arange(n_items), width)[there]
    weights = csr_matrix((near.weights.ravel()[there].astype(float), (items, others[there])), shape=(n_items, n_items))

    def score(histories: Any) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = ((histories > 0).astype(np.float64) @ weights).toarray()
        return scores

    return score
