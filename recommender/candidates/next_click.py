"""Candidates by the next click: what others clicked right after the items this actor was on last."""

from __future__ import annotations

from collections.abc import Sequence

from recommender.candidates.co_click import LivePairs, paired, placed, strongest
from recommender.candidates.generator import Generator, Query, Scored
from recommender.candidates.selection import best
from recommender.request import Reason

#: Seed items whose next clicks are asked for: the page's own, and the newest. What came before says no more.
MAX_NEXT_CLICK_SEEDS = 2


def next_click_candidates(query: Query, n: int) -> Scored:
    """Return what was clicked right after the newest seed items; of each its share of the heaviest counts."""
    return best(query, *query.once(_sums), n)


def _sums(query: Query) -> Scored:
    pairs = query.once(next_clicks)
    return paired(query, pairs, dict.fromkeys(pairs.seeds if pairs else (), 1.0))


def next_clicks(query: Query) -> LivePairs | None:
    """Return what was clicked right after the newest seed items."""
    return placed(query, query.signals.next_clicks, MAX_NEXT_CLICK_SEEDS)


def next_click_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Name the seed items after which a row was clicked most; as for co-clicks, ten people stand behind it."""
    return strongest(query, rows, query.once(next_clicks), "next_click", "的人接着看了")


GENERATOR = Generator(
    source="next_click",
    candidates=next_click_candidates,
    reasons=next_click_reasons,
    codes=("next_click",),
    caption="看过同一内容的访问者接着点击的内容",
    weight=0.3,  # who is led from one item to the next goes the way others went, within minutes
)
