"""Candidates by item-item: the nightly neighbours of the seed items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import NOTHING, Generator, Query, Scored
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
    contributions = query.once(model_contributions)
    if contributions is None:
        return NOTHING
    rows = contributions.rows.ravel()
    return best(query, rows, summed(query, rows, contributions.scores.ravel()), n)


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


def largest_contributions(query: Query, rows: Sequence[int]) -> dict[int, tuple[float, int]]:
    """Return row → the largest contribution to it and its seed item, of those rows that have any."""
    contributions = query.once(model_contributions)
    if contributions is None:
        return {}
    flat, width = contributions.rows.ravel(), contributions.rows.shape[1]
    places = places_of(query, rows, flat)
    largest: dict[int, tuple[float, int]] = {}
    for row, score, place in zip(
        flat[places].tolist(), contributions.scores.ravel()[places].tolist(), places.tolist(), strict=True
    ):
        if row not in largest or score > largest[row][0]:
            largest[row] = score, contributions.seeds[place // width]
    return largest


def item_item_reasons(query: Query, rows: Sequence[int]) -> dict[int, Reason]:
    """Name the seed with the largest contribution: above 0, because all of them add up to more than 0.

    A cosine above 0 means that people interacted with both; EASE says less, and so does its wording.
    """
    placed = query.signals.models
    if placed is None:
        return {}
    item_ids, run, manifest = query.catalogue.item_ids, placed.models.run, placed.models.manifest
    seeds, reasons = query.seeds, {}
    for row, (score, seed) in largest_contributions(query, rows).items():
        title = query.title(seed)
        evidence = {"item_id": item_ids[seed], "weight": round(score / seeds[seed], 6), "model": run}
        reading = "正在看" if seed == query.context else "看过"
        reasons[row] = (
            Reason("co_click", f"看过《{title}》的人也看了", evidence) if manifest.proves_shared_actors
            else Reason("similar", f"因您{reading}《{title}》", evidence)
        )  # fmt: skip
    return reasons


GENERATOR = Generator(
    source="item_item",
    candidates=item_item_candidates,
    reasons=item_item_reasons,
    codes=("similar", "co_click"),
    caption="每日训练的条目关联模型：看过相同内容的人还看什么",
    weight=1.0,  # the best single model on short histories (MSWEB recall@10: 0.777, ALS and popular far less)
)
