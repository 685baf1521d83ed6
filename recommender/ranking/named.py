"""Who named what: the candidates of several generators, one generator after the other.

In: candidates per generator. Out: rows, and for some of them the generators that named each.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import NOTHING, Query, Scored
from recommender.candidates.selection import places_of
from recommender.request import Source


class Named(NamedTuple):
    """Candidates of one generator after the other.

    Attributes
    ----------
    rows
        (n,) of a generator each once.
    sources, ends
        The generators that named any, and where in `rows` theirs end.
    """

    rows: NDArray[np.int64] = NOTHING.rows
    sources: tuple[Source, ...] = ()
    ends: tuple[int, ...] = ()

    @classmethod
    def of(cls, candidates: Mapping[Source, Scored]) -> Named:
        """Put these candidates one after the other."""
        named = {source: of_source.rows for source, of_source in candidates.items() if len(of_source.rows)}
        if not named:
            return cls()
        return cls(np.concatenate(list(named.values())), tuple(named), tuple(accumulate(map(len, named.values()))))

    def by(self, query: Query, rows: Sequence[int]) -> Iterator[tuple[int, Source, int]]:
        """Return (row, generator that named it, place in `rows` of all) of these rows, generator by generator."""
        places = places_of(query, rows, self.rows)
        for place, row in zip(places.tolist(), self.rows[places].tolist(), strict=True):
            yield row, self.sources[bisect(self.ends, place)], place
