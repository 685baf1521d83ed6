"""What a visitor refused a moment ago sinks its like: the same series, a rare word in common, near neighbours.

In: a query, what was refused and when. Out: factors of rows for `recommender.ranking.adjusted`. The item itself stands
in no list of that visitor; this is about the others, and only while the visit lasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from profiles.session import SESSION_MS
from recommender.candidates.generator import Query
from recommender.candidates.related import links_of, series_of
from recommender.candidates.tags import MIN_RARITY

#: What the score of an item is multiplied by for each refused item that it is like.
LIKE_FACTOR = 0.3
#: Refused items looked at, the latest.
MAX_REFUSED = 10


def like_refused(query: Query, disliked: Mapping[str, int], rows: Sequence[int]) -> dict[int, float]:
    """Return row → factor below 1 for those of the rows that are like what was refused lately.

    Parameters
    ----------
    disliked
        Item id → epoch ms at which it was refused.
    """
    # A taste of one day is none of half a year.
    lately = sorted((at for at in disliked.items() if at[1] > query.now_ms - SESSION_MS), key=lambda one: -one[1])
    if not (lately and rows):
        return {}
    catalogue, is_like, wanted = query.catalogue, query.scratch, np.array(rows, np.int64)
    n_like = np.zeros(len(wanted), np.int64)
    for refused in catalogue.rows_of(item_id for item_id, _ in lately[:MAX_REFUSED]):
        is_like[wanted] = 0
        is_like[_near(query, refused)] = 1
        for number in _rare_words(query, refused):
            is_like[catalogue.tag_rows[number]] = 1
        n_like += is_like[wanted]
    like = n_like > 0
    return dict(zip(wanted[like].tolist(), (LIKE_FACTOR ** n_like[like]).tolist(), strict=True))


def _near(query: Query, row: int) -> list[int]:
    """Return what an editor linked with an item, what stands in a series with it, and its neighbours of the night."""
    catalogue, placed = query.catalogue, query.signals.models
    near = {*links_of(catalogue, row), *series_of(catalogue, row)}
    place = int(placed.model_of_row[row]) if placed and row < len(placed.model_of_row) else -1
    if placed and place >= 0:
        is_near = placed.models.neighbour_weights[place] > 0
        near |= set(placed.row_of_model[placed.models.neighbours[place]][is_near].tolist())
    return list(near - {row, -1})


def _rare_words(query: Query, row: int) -> set[int]:
    rarity = query.catalogue.tag_rarity
    return {number for number in query.catalogue.tags[row] if rarity[number] >= MIN_RARITY}
