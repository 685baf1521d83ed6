"""Candidates by live co-clicks: what the same actors clicked in the last days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import NOTHING, Generator, Query, Scored
from recommender.candidates.selection import best, summed
from recommender.request import Reason, ReasonCode

#: Seed items, the newest, whose live co-clicks are asked for: one pipeline, a hundred pairs.
MAX_CO_CLICK_SEEDS = 5
#: Neighbours of a seed, the heaviest, that a reason names.
MAX_LIVE = 5
#: Items with the largest trend, of which no reason is given: they are everybody's next click.
HOTTEST = 20


class LivePairs(NamedTuple):
    """What was clicked with or after some items.

    Attributes
    ----------
    seeds, sizes
        The items, and how many of the arrays are of each.
    rows, weights
        What was clicked, of a seed each once; weights are below 0 where few made the pair. What the catalogue does not
        know is row 0 with 0.
    """

    seeds: list[int]
    sizes: list[int]
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]


def co_click_candidates(query: Query, n: int) -> Scored:
    """Return what was clicked by the same actors as the newest seed items; each of them contributes as much."""
    return best(query, *query.once(_sums), n)


def _sums(query: Query) -> Scored:
    return paired(query, query.once(co_clicks), query.seeds)


def co_clicks(query: Query) -> LivePairs | None:
    """Return what was clicked with the newest seed items."""
    return placed(query, query.signals.co_clicks, MAX_CO_CLICK_SEEDS)


def placed(query: Query, pairs: Mapping[str, Sequence[tuple[str, float]]], n_seeds: int) -> LivePairs | None:
    """Return the pairs of the newest seed items on the rows of the catalogue, ``None`` if they have none."""
    catalogue = query.catalogue
    of_seeds = {seed: pairs.get(catalogue.item_ids[seed]) for seed in islice(query.seeds, n_seeds)}
    near = {seed: of_seed for seed, of_seed in of_seeds.items() if of_seed}
    if not near:
        return None
    ids, of_pairs = zip(*chain.from_iterable(near.values()), strict=True)
    rows, weights = catalogue.rows_of_many(ids), np.array(of_pairs, np.float64)
    is_unknown = rows < 0
    rows[is_unknown], weights[is_unknown] = 0, 0.0
    return LivePairs(list(near), list(map(len, near.values())), rows, weights)


def paired(query: Query, pairs: LivePairs | None, weight_of_seed: Mapping[int, float]) -> Scored:
    """Return what was clicked, open or not; each with weights of seeds times shares of their heaviest."""
    if pairs is None:
        return NOTHING
    weights = np.abs(pairs.weights)
    heaviest = np.maximum.reduceat(weights, [0, *accumulate(pairs.sizes[:-1])])
    heaviest[heaviest == 0] = 1.0
    weights *= np.repeat(np.array([weight_of_seed[seed] for seed in pairs.seeds]) / heaviest, pairs.sizes)
    return Scored(pairs.rows, summed(query, pairs.rows, weights))


def co_click_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Name the seed items whose strongest live neighbours a row is among.

    Ten people stand behind each pair named; how often chance would bring them together is not known, because the
    counts of single items are not at hand. So only the `MAX_LIVE` heaviest of a seed count, and nothing that is among
    the hottest of the moment, which goes with everything.
    """
    return strongest(query, rows, query.once(co_clicks), "co_click", "的人近日也看了")


def strongest(
    query: Query, rows: Sequence[int], pairs: LivePairs | None, code: ReasonCode, words: str
) -> dict[int, list[Reason]]:
    """Return row → a reason for each seed whose `MAX_LIVE` heaviest it is among, unless it is among the hottest."""
    if pairs is None:
        return {}
    wanted = set(rows).difference(query.signals.trends.rows[:HOTTEST].tolist())
    reasons: dict[int, list[Reason]] = {}
    told = zip((-pairs.weights).tolist(), pairs.rows.tolist(), strict=True)
    for seed, size in zip(pairs.seeds, pairs.sizes, strict=True):
        for weight, row in sorted(islice(told, size))[:MAX_LIVE]:
            if row in wanted and weight < 0:
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
