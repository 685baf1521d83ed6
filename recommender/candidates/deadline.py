"""Candidates by deadline: what people apply for and whose applications close within days, the soonest first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from civicrec.clock import from_ms, local_date, rfc3339
from recommender.candidates.generator import WORD, Generator, Query, Scored
from recommender.candidates.selection import first_open
from recommender.catalogue import NEVER_MS, Catalogue
from recommender.eligibility import IS_ACTIONABLE
from recommender.request import Reason

#: Long enough to gather papers, short enough to be a reason to look now.
DEADLINE_DAYS = 15
_DAY_MS = 86_400_000


def deadline_candidates(query: Query, n: int) -> Scored:
    """Return what closes within `DEADLINE_DAYS`, the sooner the higher."""
    closing, now_ms = query.catalogue.once(_closing), query.now_ms
    closes_ms = query.catalogue.apply_until_ms[closing]
    first, last = np.searchsorted(closes_ms, [now_ms, now_ms + DEADLINE_DAYS * _DAY_MS], side="right")
    rows = first_open(query, closing[first:last], n)
    days = (query.catalogue.apply_until_ms[rows] - now_ms) / _DAY_MS
    return Scored(rows, 1.0 / (1.0 + days))


def _closing(catalogue: Catalogue) -> NDArray[np.int64]:
    """Return the rows that people apply for and that close, by the time they do."""
    rows = (IS_ACTIONABLE[catalogue.types] & (catalogue.apply_until_ms != NEVER_MS)).nonzero()[0]
    order: NDArray[np.int64] = rows[catalogue.apply_until_ms[rows].argsort(kind="stable")]
    return order


def deadline_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Tell the last day of applications that are open."""
    now_ms = query.now_ms
    reasons = {}
    for row, until_ms in zip(rows, query.catalogue.apply_until_ms[list(rows)].tolist(), strict=True):
        if now_ms < until_ms <= now_ms + DEADLINE_DAYS * _DAY_MS and IS_ACTIONABLE[query.catalogue.types[row]]:
            item = query.catalogue.items[query.catalogue.item_ids[row]]
            if item.apply_from is None or item.apply_from <= from_ms(now_ms):
                evidence = {"apply_until": rfc3339(from_ms(until_ms)), "within_days": DEADLINE_DAYS}
                word = "申报" if item.item_type == "policy" else "申请"
                reasons[row] = [Reason("deadline", f"{_day(until_ms, now_ms)}截止{word}", evidence)]
    return reasons


def _day(until_ms: int, now_ms: int) -> str:
    """Return the last day on which one may apply; what closes at midnight closes with the day before."""
    last, today = local_date(from_ms(until_ms - 1)), local_date(from_ms(now_ms))
    if last == today:
        return "今日"
    year = "" if last.year == today.year else f"{last.year}年"
    return f"{year}{last.month}月{last.day}日"


#: Without a weight: its reasons are told of whatever a list holds; a scene may name it.
GENERATOR = Generator(
    source="deadline",
    candidates=deadline_candidates,
    reasons=deadline_reasons,
    codes=("deadline",),
    caption="申报或申请即将截止",
    credibility=WORD,
    tells_of_any=True,
)
