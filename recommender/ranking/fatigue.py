"""What a visitor was shown several times and never opened gives way to what they were not.

In: what was shown and when, the time. Out: factors of rows for `recommender.ranking.adjusted`. An item that was opened
is out of the list as seen; one that gave way comes back once it was not shown for a fortnight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from profiles.online.ports import SHOWN_TTL_DAYS
from recommender.candidates.generator import Query

#: So often an item may be shown before it gives way: the first time it may have stood where nobody looked.
FREE_SHOWINGS = 2
#: No item's score is multiplied by less: it gives way, and is not hidden.
LEAST_FACTOR = 0.1
_LIFE_S = SHOWN_TTL_DAYS * 86_400


def often_shown(shown: Mapping[int, Sequence[int]], now_ms: int) -> dict[int, int]:
    """Return the hash of each item that was shown too often → by how many times.

    Parameters
    ----------
    shown
        `ActorState.shown`.
    """
    since = now_ms // 1000 - _LIFE_S
    return {
        hashed: n - FREE_SHOWINGS
        for hashed, times in shown.items()
        if len(times) > FREE_SHOWINGS and (n := sum(at > since for at in times)) > FREE_SHOWINGS
    }


def tired(query: Query, often: Mapping[int, int], factor: float, rows: Sequence[int]) -> dict[int, float]:
    """Return row → factor below 1 for those of the rows that were shown too often.

    Parameters
    ----------
    often
        As `often_shown` returns it.
    factor
        What a score is multiplied by for each time too many.
    """
    if not (often and rows):
        return {}
    catalogue, wanted = query.catalogue, set(rows)
    return {
        row: max(LEAST_FACTOR, factor ** often[int(catalogue.hashes[row])])
        for row in catalogue.rows_of_hashes(list(often))
        if row in wanted
    }
