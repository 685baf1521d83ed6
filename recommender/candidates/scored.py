"""What a candidate generator is asked and what it answers.

In: a `Question`. Out: `Scored`: distinct open rows with scores above 0, best first, at most n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        Rows the actor interacted with, newest first, each once.
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
    def scratch(self) -> NDArray[np.int32]:
        """One number a row of the catalogue, to write before it is read: finds equal rows without sorting them."""
        numbers: NDArray[np.int32] | None = self.memo.get("scratch")
        if numbers is None:
            numbers = self.memo["scratch"] = np.empty(len(self.catalogue), np.int32)
        return numbers

    @property
    def voters(self) -> dict[int, float]:
        """Rows that speak for others, with their say: the page's item thrice, because the reader is there now."""
        said: dict[int, float] | None = self.memo.get("voters")
        if said is None:
            said = {self.context: 3.0} if self.context >= 0 else {}
            said.update((row, 1.0) for row in self.history if row != self.context)
            self.memo["voters"] = said
        return said

    @property
    def model_voters(self) -> dict[int, int]:
        """Voter → its row in the nightly models, of the voters they know."""
        known: dict[int, int] | None = self.memo.get("model voters")
        if known is None:
            placed, rows = self.signals.models, list(self.voters)
            places = placed.model_of_row[rows].tolist() if placed and rows else []
            known = {row: place for row, place in zip(rows, places, strict=False) if place >= 0}
            self.memo["model voters"] = known
        return known


class Generator(Protocol):
    """Finds candidates. Deterministic: equal scores go by row."""

    def __call__(self, question: Question, n: int) -> Scored:
        """Return at most `n` candidates, best first."""
        ...


def best(question: Question, rows: NDArray[np.int64], scores: NDArray[np.float64], n: int) -> Scored:
    """Return the `n` best of those rows that are open and have a score above 0; no two of these may be equal."""
    scores = scores * question.open_rows[rows]
    # Most are far behind and need no order.
    least = np.partition(scores, -n)[-n] if len(scores) > 2 * n else 0.0
    ahead = (scores >= least if least > 0 else scores > 0).nonzero()[0]
    rows, scores = rows[ahead], scores[ahead]
    by_row = rows.argsort()  # a stable sort after a plain one is a third of the cost of `numpy.lexsort`
    order = by_row[(-scores[by_row]).argsort(kind="stable")[:n]]
    return Scored(rows[order], scores[order])


def first_open(question: Question, order: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the first `n` open rows of an order, looking no further than needed."""
    reach = n + n // 4 + 16
    while True:
        head = order[:reach]
        found = head[question.open_rows[head]]
        if len(found) >= n or reach >= len(order):
            return found[:n]
        reach *= 4


def summed(question: Question, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the scores of equal rows at one of their places, and 0 at the others."""
    place_of = question.scratch
    place_of[rows] = np.arange(len(rows), dtype=np.int32)
    return np.bincount(place_of[rows], scores, minlength=len(rows)).astype(np.float64, copy=False)


def places_of(question: Question, wanted: Sequence[int], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all places in `rows` at which a wanted row stands."""
    is_wanted = question.scratch
    is_wanted[rows] = 0
    is_wanted[list(wanted)] = 1
    return is_wanted[rows].nonzero()[0]
