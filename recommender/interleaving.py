"""Two orders in one list, by team draft: fewer lists than an experiment needs show which one their readers prefer.

In: two orders of candidates and bits drawn for the request. Out: one order, with the team each item came by. In each
round a coin says who picks first, and either picks its best item that is not there yet (Radlinski, Kurup & Joachims
2008, "How Does Clickthrough Data Reflect Retrieval Quality?"), so none gains from where its items stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import Query
from recommender.ranking.rankers import Ordered
from recommender.request import Source

#: The scene's order, and that of its variant.
TEAMS = ("A", "B")
#: Coins of one request; so many rounds fill a list of twice as many, and later ones take the same coins again.
COINS = 32


class Interleaved(NamedTuple):
    """The order of all candidates of two orders.

    Attributes
    ----------
    rows
        Each once, best first.
    scores
        (n,) falling; of their place alone, because scores of two rankers do not compare.
    teams
        Row → the team that picked it.
    first, second
        The orders.
    """

    rows: list[int]
    scores: NDArray[np.float64]
    teams: Mapping[int, str]
    first: Ordered
    second: Ordered

    def parts_of(self, query: Query, rows: Sequence[int]) -> dict[int, dict[Source, float]]:
        """Return row → generator → its part of the score in the order that picked it."""
        parts = self.first.parts_of(query, rows), self.second.parts_of(query, rows)
        return {row: parts[self._nth(row)][row] for row in rows}

    def features_of(self, rows: Sequence[int]) -> dict[int, dict[str, tuple[float, float]]]:
        """Return row → feature → its value and what it adds to the score in the order that picked it."""
        features = self.first.features_of(rows), self.second.features_of(rows)
        return {row: of_row for row in rows if (of_row := features[self._nth(row)].get(row)) is not None}

    def _nth(self, row: int) -> int:
        return int(self.teams.get(row, TEAMS[0]) == TEAMS[1])


def interleaved(first: Ordered, second: Ordered, coins: int) -> Interleaved:
    """Return both orders in one.

    Parameters
    ----------
    coins
        `COINS` bits at random, one a round: whether `second` picks first.
    """
    teams: dict[int, str] = {}
    queues = _left(first.rows, teams), _left(second.rows, teams)
    n_rows, turn = len({*first.rows, *second.rows}), 0
    while len(teams) < n_rows:
        begins = coins >> (turn % COINS) & 1
        turn += 1
        for team in (begins, 1 - begins):
            row = next(queues[team], None)
            if row is not None:
                teams[row] = TEAMS[team]
    rows = list(teams)
    return Interleaved(rows, np.linspace(1.0, 0.0, len(rows), endpoint=False), teams, first, second)


def _left(rows: Sequence[int], taken: Mapping[int, str]) -> Iterator[int]:
    return (row for row in rows if row not in taken)
