"""Candidates by item-item: the nightly neighbours of the seed items."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.chance import is_above_chance, times_of_chance
from recommender.candidates.generator import MAX_ALTERNATIVES, NOTHING, Generator, Query, Scored
from recommender.candidates.selection import best, places_of, summed
from recommender.request import Reason


class Contributions(NamedTuple):
    """What the seed items contribute to the scores of their neighbours in the nightly model.

    Attributes
    ----------
    seeds
        The h seed items that the model knows.
    rows, scores
        (h, k) to which row, and how much (below 0 is against). A neighbour that is not here is row 0 with 0.
    """

    seeds: list[int]
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]


def item_item_candidates(query: Query, n: int) -> Scored:
    """Return the items to which the seed items contribute most; negative weights of EASE count against."""
    return best(query, *query.once(_sums), n)


def _sums(query: Query) -> Scored:
    contributions = query.once(model_contributions)
    if contributions is None:
        return NOTHING
    rows = contributions.rows.ravel()
    return Scored(rows, summed(query, rows, contributions.scores.ravel()))


def model_contributions(query: Query) -> Contributions | None:
    """Return the seeds' rows of the item-item model, ``None`` if the model knows none of them.

    Their sums are `scoring.item_item_scores`, over the neighbours alone: a catalogue is a thousand times longer.
    """
    placed, known = query.signals.models, query.model_seeds
    if placed is None or not known:
        return None
    places = list(known.values())
    weights = np.array([query.seeds[seed] for seed in known])
    rows = placed.row_of_model[placed.models.neighbours[places]]
    scores = placed.models.neighbour_weights[places] * weights[:, None]
    is_gone = rows < 0
    rows[is_gone], scores[is_gone] = 0, 0.0
    return Contributions(list(known), rows, scores)


def item_item_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Name the seeds whose readers read this item far more often than chance has it, the largest contribution first."""
    contributions, placed = query.once(model_contributions), query.signals.models
    if contributions is None or placed is None:
        return {}
    models, width = placed.models, contributions.rows.shape[1]
    flat, scores = contributions.rows.ravel(), contributions.scores.ravel()
    places = places_of(query, rows, flat)
    places = places[scores[places] > 0]
    near, nth_seed = flat[places], places // width
    of_seed = np.fromiter(query.model_seeds.values(), np.int64)[nth_seed]
    actors = models.neighbour_actors[of_seed, places % width]
    shares = models.popularity[of_seed] * models.popularity[placed.model_of_row[near]]
    pairs = zip(
        near.tolist(), nth_seed.tolist(), actors.tolist(), shares.tolist(), scores[places].tolist(), strict=True
    )
    # An EASE weight is no share of people, so the code says only that the model puts the two together.
    code = "co_click" if models.manifest.proves_shared_actors else "similar"
    catalogue, seeds, words = query.catalogue, query.seeds, dict[int, str]()
    reasons: dict[int, list[Reason]] = {}
    for row, nth, n_actors, share, weight in sorted(pairs, key=itemgetter(4), reverse=True):
        seed = contributions.seeds[nth]
        by_chance = share * models.chance_actors * times_of_chance(catalogue, seed, row)
        if is_above_chance(n_actors, by_chance) and len(reasons.get(row, ())) < MAX_ALTERNATIVES:
            evidence = {
                "item_id": catalogue.item_ids[seed], "actors": n_actors, "lift": round(n_actors / by_chance, 2),
                "weight": round(weight / seeds[seed], 6), "model": models.run,
            }  # fmt: skip
            if seed not in words:
                words[seed] = f"看过《{query.title(seed)}》的人也常看"
            reasons.setdefault(row, []).append(Reason(code, words[seed], evidence))
    return reasons


GENERATOR = Generator(
    source="item_item",
    candidates=item_item_candidates,
    reasons=item_item_reasons,
    codes=("similar", "co_click"),
    caption="每日训练的条目关联模型：看过相同内容的人还看什么",
    weight=1.0,  # the best single model on short histories (MSWEB recall@10: 0.777, ALS and popular far less)
)
