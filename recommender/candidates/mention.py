"""Candidates by mention: what the text of the page's item names by title or document number, or is named by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommender.candidates.generator import NOTHING, Generator, Query, Scored
from recommender.candidates.selection import best
from recommender.catalogue import MAX_TEXT, Catalogue, mentions
from recommender.request import Reason


def mention_candidates(query: Query, n: int) -> Scored:
    """Return what the page's item mentions, then what mentions it."""
    if query.context < 0:
        return NOTHING
    rows = mentioned(query.catalogue, query.context)
    scores = 1.0 / (1.0 + 0.1 * np.arange(len(rows), dtype=np.float64))
    return best(query, np.array(rows, np.int64), scores, n)


def mentioned(catalogue: Catalogue, row: int) -> list[int]:
    """Return the rows this item names by title or document number, then those that name it."""
    item = catalogue.items[catalogue.item_ids[row]]
    text = f"{item.title} {item.summary} {item.body_text[:MAX_TEXT]}"
    forward = mentions(text, catalogue.named)
    backward = catalogue.mentioned_in.get(row, ())
    return [other for other in dict.fromkeys((*forward, *backward)) if other != row]


def mention_reasons(query: Query, rows: Sequence[int]) -> dict[int, Reason]:
    """Name the page's item."""
    if query.context < 0:
        return {}
    named = set(mentioned(query.catalogue, query.context))
    item_id = query.catalogue.item_ids[query.context]
    reason = Reason("mention", f"与《{query.title(query.context)}》文中提及", {"item_id": item_id})
    return dict.fromkeys((row for row in rows if row in named), reason)


#: Without a weight: asked for related lists, and by a scene that names it.
GENERATOR = Generator(
    source="mention",
    candidates=mention_candidates,
    reasons=mention_reasons,
    codes=("mention",),
    caption="与当前页面的内容在文中互相提及",
)
