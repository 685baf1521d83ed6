"""Candidates by age: what was published in the last days, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from civicrec.clock import from_ms, rfc3339
from recommender.candidates.generator import GENERAL, Generator, Query, Scored
from recommender.candidates.selection import first_open
from recommender.catalogue import EVER_MS, Catalogue, of_titles
from recommender.request import Reason

FRESH_DAYS = 7
#: News live about a day (median item age at a click 20 h), so a day halves the score.
FRESH_HALF_LIFE_DAYS = 1.0
_DAY_MS = 86_400_000


def fresh_candidates(query: Query, n: int) -> Scored:
    """Return the items published in the last `FRESH_DAYS`, newer ones scored higher."""
    rows = first_open(query, newer_than(query, FRESH_DAYS), n)
    age_days = (query.now_ms - query.catalogue.published_ms[rows]) / _DAY_MS
    return Scored(rows, np.exp2(-age_days / FRESH_HALF_LIFE_DAYS))


def newer_than(query: Query, days: float) -> NDArray[np.int64]:
    """Return the rows published within so many days, open or not, newest first."""
    catalogue, now_ms = query.catalogue, query.now_ms
    first, last = np.searchsorted(catalogue.once(_falling), [-now_ms, int(days * _DAY_MS) - now_ms])
    return catalogue.newest[first:last]


def fresh_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Tell when each was published."""
    published_ms, now_ms = query.catalogue.published_ms[list(rows)].tolist(), query.now_ms
    return {
        row: [Reason("fresh", "最新发布", {"published_at": _text_of(at_ms), "within_days": FRESH_DAYS})]
        for row, at_ms in zip(rows, published_ms, strict=True)
        if now_ms - FRESH_DAYS * _DAY_MS < at_ms <= now_ms
    }


@lru_cache(maxsize=8_192)
def _text_of(epoch_ms: int) -> str:
    return rfc3339(from_ms(epoch_ms))


@of_titles
def _falling(catalogue: Catalogue) -> NDArray[np.int64]:
    """Return minus the times of publication in the order of `Catalogue.newest`, which is ascending."""
    return -catalogue.published_ms[catalogue.newest].clip(min=EVER_MS + 1)


GENERATOR = Generator(
    source="fresh",
    candidates=fresh_candidates,
    reasons=fresh_reasons,
    codes=("fresh",),
    credibility=GENERAL,
    tells_of_any=True,
    caption="最近数日发布",
    weight=0.05,  # what nobody has clicked must not stand before what many do; it has a scene of its own
)
