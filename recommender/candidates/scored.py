"""What a candidate generator is asked and what it answers.

In: a `Question`. Out: `Scored`: distinct open rows with scores above 0, best first, at most n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue import Catalogue
from recommender.signals import Signals


class Scored(NamedTuple):
    """Candidates of one generator; scores are above 0 and comparable within it only."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]


NOTHING = Scored(np.zeros(0, np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Question:
    """Whom and what for candidates are sought.

    Attributes
    ----------
    open_rows
        (n,) mask of rows that may be answered: eligible, not hidden from this caller, not seen.
    history
        Rows the actor turned to, newest first, each once.
    context
        Row of the page's item, -1 for none.
    tags
        Tag name → weight > 0 of the actor's profile.
    memo
        What generators and reasons both need, worked out once.
    """

    catalogue: Catalogue
    signals: Signals
    open_rows: NDArray[np.bool_]
    now_ms: int
    history: tuple[int, ...] = ()
    context: int = -1
    tags: Mapping[str, float] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def voters(self) -> dict[int, float]:
        """Rows that speak for others, with their say: the page's item thrice, because the reader is there now."""
        said: dict[int, float] | None = self.memo.get("voters")
        if said is None:
            said = {self.context: 3.0} if self.context >= 0 else {}
            said.update((row, 1.0) for row in self.history if row != self.context)
            self.memo["voters"] = said
        return said


class Generator(Protocol):
    """Finds candidates. Deterministic: equal scores go by row."""

    def __call__(self, question: Question, n: int) -> Scored:
        """Return at most `n` candidates, best first."""
        ...


def best(question: Question, rows: NDArray[np.int64], scores: NDArray[np.float64], n: int) -> Scored:
    """Return the `n` best of distinct rows that are open and have a score above 0; equal scores keep their order."""
    kept = question.open_rows[rows] & (scores > 0)
    rows, scores = rows[kept], scores[kept]
    if len(rows) > 8 * n:  # most are far behind and need no order
        ahead = scores >= np.partition(scores, -n)[-n]
        rows, scores = rows[ahead], scores[ahead]
    order = (-scores).argsort(kind="stable")[:n]
    return Scored(rows[order], scores[order])


def first_open(question: Question, order: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the first `n` open rows of an order, looking no further than needed."""
    reach = 4 * n + 64
    while True:
        head = order[:reach]
        found = head[question.open_rows[head]]
        if len(found) >= n or reach >= len(order):
            return found[:n]
        reach *= 4


def summed(rows: NDArray[np.int64], scores: NDArray[np.float64]) -> Scored:
    """Add up the scores of equal rows; rows come out ascending."""
    distinct, place = distinct_of(rows)
    return Scored(distinct, np.bincount(place, scores, minlength=len(distinct)).astype(np.float64, copy=False))


def distinct_of(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct rows, ascending, and the place of each row among them: half the cost of `numpy.unique`."""
    order = rows.argsort(kind="stable")
    ascending = rows[order]
    is_first = np.ones(len(rows), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    place = np.empty(len(rows), np.int64)
    place[order] = is_first.cumsum() - 1
    return ascending[is_first], place
