"""Candidates by live co-clicks: what the same actors clicked in the last days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def co_click_candidates(query: Query, n: int) -> Scored:
    """Return what was clicked by the same actors as the newest seed items; each of them contributes as much."""
    return paired(query, query.once(live_neighbours), query.seeds, n)


def live_neighbours(query: Query) -> dict[int, dict[int, float]]:
    """Return seed → row → weight > 0 of what was clicked with it."""
    return placed(query, query.signals.co_clicks, MAX_CO_CLICK_SEEDS)


def placed(query: Query, pairs: Mapping[str, Sequence[tuple[str, float]]], n_seeds: int) -> dict[int, dict[int, float]]:
    """Return seed → row → weight > 0 of the pairs of the newest seed items."""
    catalogue, rows = query.catalogue, query.catalogue.rows
    return {
        seed: {
            row: weight
            for item_id, weight in pairs.get(catalogue.item_ids[seed], ())
            if weight > 0 and (row := rows.get(item_id)) is not None
        }
        for seed in list(query.seeds)[:n_seeds]
    }


def paired(
    query: Query, neighbours: Mapping[int, Mapping[int, float]], weight_of_seed: Mapping[int, float], n: int
) -> Scored:
    """Return the neighbours of the seeds; of each seed its weight, times the share of its heaviest pair, counts."""
    places: list[int] = []
    contributions: list[float] = []
    for seed, near in neighbours.items():
        if near:
            heaviest, weight = max(near.values()), weight_of_seed[seed]
            places += near
            contributions += [weight * near_weight / heaviest for near_weight in near.values()]
    if not places:
        return NOTHING
    rows = np.array(places, np.int64)
    return best(query, rows, summed(query, rows, np.array(contributions)), n)


def co_click_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Name the seed items whose strongest live neighbours a row is among.

    Ten people stand behind every pair; how often chance would bring them together is not known, because the counts of
    single items are not at hand. So only the `MAX_LIVE` heaviest of a seed count, and nothing that is among the
    hottest of the moment, which goes with everything.
    """
    return strongest(query, rows, query.once(live_neighbours), "co_click", "的人近日也看了")


def strongest(
    query: Query, rows: Sequence[int], neighbours: Mapping[int, Mapping[int, float]], code: ReasonCode, words: str
) -> dict[int, list[Reason]]:
    """Return row → a reason for each seed whose `MAX_LIVE` heaviest it is among, unless it is among the hottest."""
    hottest = set(query.signals.trends.rows[:HOTTEST].tolist())
    wanted = {row for row in rows if row not in hottest}
    reasons: dict[int, list[Reason]] = {}
    for seed, near in neighbours.items():
        for row in sorted(near, key=lambda row: (-near[row], row))[:MAX_LIVE] if wanted else ():
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
