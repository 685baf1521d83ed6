"""Candidates by live co-clicks: what the same actors clicked in the last days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, islice
from typing import NamedTuple, cast

import numpy as np

from recommender.candidates.generator import NOTHING, Generator, Query, Scored
from recommender.candidates.selection import best, summed
from recommender.request import Reason, ReasonCode

#: Seed items, the newest, whose live co-clicks are asked for: one pipeline, a hundred pairs.
MAX_CO_CLICK_SEEDS = 5
#: Neighbours of a seed, the heaviest, that a reason names.
MAX_LIVE = 5
#: Items with the largest trend, of which no reason is given: they are everybody's next click.
HOTTEST = 20


class Neighbours(NamedTuple):
    """What was clicked with or after one item: rows, each once, and weights, below 0 where few made the pair."""

    rows: list[int]
    weights: tuple[float, ...]


def co_click_candidates(query: Query, n: int) -> Scored:
    """Return what was clicked by the same actors as the newest seed items; each of them contributes as much."""
    return best(query, *query.once(_sums), n)


def _sums(query: Query) -> Scored:
    return paired(query, query.once(live_neighbours), query.seeds)


def live_neighbours(query: Query) -> dict[int, Neighbours]:
    """Return seed → what was clicked with it."""
    return placed(query, query.signals.co_clicks, MAX_CO_CLICK_SEEDS)


def placed(query: Query, pairs: Mapping[str, Sequence[tuple[str, float]]], n_seeds: int) -> dict[int, Neighbours]:
    """Return seed → its pairs on the rows of the catalogue, of the newest seed items that have any."""
    item_ids, row_of = query.catalogue.item_ids, query.catalogue.rows.get
    neighbours: dict[int, Neighbours] = {}
    for seed in islice(query.seeds, n_seeds):
        if near := pairs.get(item_ids[seed]):
            ids, weights = zip(*near, strict=True)
            rows = list(map(row_of, ids))
            if None in rows or 0 in weights:
                there = [place for place, row in enumerate(rows) if row is not None and weights[place]]
                rows, weights = [rows[place] for place in there], tuple([weights[place] for place in there])
            if rows:
                neighbours[seed] = Neighbours(cast(list[int], rows), weights)
    return neighbours


def paired(query: Query, neighbours: Mapping[int, Neighbours], weight_of_seed: Mapping[int, float]) -> Scored:
    """Return the neighbours of the seeds, open or not; each with weights of seeds times shares of their heaviest."""
    if not neighbours:
        return NOTHING
    rows = np.array(list(chain.from_iterable(near.rows for near in neighbours.values())), np.int64)
    weights = np.abs(list(chain.from_iterable(near.weights for near in neighbours.values())))
    sizes = [len(near.rows) for near in neighbours.values()]
    heaviest = np.maximum.reduceat(weights, [0, *accumulate(sizes[:-1])])
    weights *= np.repeat(np.array([weight_of_seed[seed] for seed in neighbours]) / heaviest, sizes)
    return Scored(rows, summed(query, rows, weights))


def co_click_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Name the seed items whose strongest live neighbours a row is among.

    Ten people stand behind each pair named; how often chance would bring them together is not known, because the
    counts of single items are not at hand. So only the `MAX_LIVE` heaviest of a seed count, and nothing that is among
    the hottest of the moment, which goes with everything.
    """
    return strongest(query, rows, query.once(live_neighbours), "co_click", "的人近日也看了")


def strongest(
    query: Query, rows: Sequence[int], neighbours: Mapping[int, Neighbours], code: ReasonCode, words: str
) -> dict[int, list[Reason]]:
    """Return row → a reason for each seed whose `MAX_LIVE` heaviest it is among, unless it is among the hottest."""
    wanted = set(rows)
    named = {seed: near for seed, near in neighbours.items() if not wanted.isdisjoint(near.rows)}
    if named:
        wanted.difference_update(query.signals.trends.rows[:HOTTEST].tolist())
    reasons: dict[int, list[Reason]] = {}
    for seed, near in named.items():
        told = ((-weight, row) for row, weight in zip(near.rows, near.weights, strict=True) if weight > 0)
        for _, row in sorted(told)[:MAX_LIVE]:
            if row in wanted:
                evidence = {"item_id": query.catalogue.item_ids[seed], "live": True}
                reason = Reason(code, f"看过《{query.title(seed)}》{words}", evidence)
                reasons.setdefault(row, []).append(reason)
    return reasons


GENERATOR = Generator(
    source="co_click",
    candidates=co_click_candidates,
    reasons=co_click_reasons,
    codes=("co_click",),
    caption="近期被同一批访问者点击",
    weight=0.6,  # the only collaborative signal on items younger than the last nightly run
)
