"""Candidates by content: new items whose titles are like those of what was read last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.candidates.generator import NOTHING, WORD, Generator, Query, Scored
from recommender.candidates.selection import best, first_open
from recommender.likeness import TitlesRead, likeness, titles_read
from recommender.request import Reason

#: Newest open items that are looked at: what is older has clicks that say more of it than its title.
_LOOKED_AT = 300
#: Items read last that are compared with.
_READ = 10
#: Below it titles share words that many carry.
_LEAST = 0.1
#: From here on a reader sees that two titles speak of one matter.
_PLAIN = 0.4


def content_candidates(query: Query, n: int) -> Scored:
    """Return the newest items that are like the items read last, the likest first."""
    if not query.told_seeds:
        return NOTHING
    rows = np.sort(first_open(query, query.catalogue.newest, _LOOKED_AT))
    scores = title_likeness(query, rows)[1]
    return best(query, rows, np.where(scores >= _LEAST, scores, 0.0), n)


def title_likeness(query: Query, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (2, n) how alike the titles of rows are to that of the newest seed item, and to those of the last ten."""
    return likeness(query.catalogue, query.once(_read), rows)


def _read(query: Query) -> TitlesRead:
    read = list(query.told_seeds.items())[:_READ]
    return titles_read(query.catalogue, [read[:1], read])


def content_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Name the seed item with the likest title, where a reader would see it."""
    read, catalogue = list(query.told_seeds)[:_READ], query.catalogue
    if not read or not rows:
        return {}
    alike = likeness(catalogue, titles_read(catalogue, [[(seed, 1.0)] for seed in read]), np.array(rows, np.int64))
    reasons = {}
    for row, nearest, cosine in zip(rows, alike.argmax(axis=0).tolist(), alike.max(axis=0).tolist(), strict=True):
        seed = read[nearest]
        if cosine >= _PLAIN and row != seed:
            name = f"《{query.title(seed)}》" if seed == query.context else f"您看过的《{query.title(seed)}》"
            evidence = {"item_id": catalogue.item_ids[seed], "likeness": round(cosine, 2)}
            reasons[row] = [Reason("content", f"与{name}标题相近", evidence)]
    return reasons


GENERATOR = Generator(
    source="content",
    candidates=content_candidates,
    reasons=content_reasons,
    codes=("content",),
    credibility=WORD,
    caption="标题与刚看过的内容相近的新内容",
)
