"""Candidates by mention: what the text of the page's item names by title or document number, or is named by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommender.candidates.generator import EDITORIAL, NOTHING, Generator, Query, Scored
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
    backward = catalogue.mentioned_in.get(row, ())
    return [other for other in dict.fromkeys((*_named_by(catalogue, row), *backward)) if other != row]


def _named_by(catalogue: Catalogue, row: int) -> list[int]:
    item = catalogue.items[catalogue.item_ids[row]]
    return mentions(f"{item.title} {item.summary} {item.body_text[:MAX_TEXT]}", catalogue.named)


def mention_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Say which of the two names the other: the page's item or the row."""
    if query.context < 0:
        return {}
    catalogue = query.catalogue
    forward = set(_named_by(catalogue, query.context))
    backward = catalogue.mentioned_in.get(query.context, ())
    title, evidence = query.title(query.context), {"item_id": catalogue.item_ids[query.context]}
    is_named, names_it = (
        Reason("mention", f"《{title}》提到", evidence),
        Reason("mention", f"文中提到《{title}》", evidence),
    )
    return {
        row: [is_named if row in forward else names_it]
        for row in rows
        if row != query.context and (row in forward or row in backward)
    }


#: Without a weight: asked for related lists, and by a scene that names it.
GENERATOR = Generator(
    source="mention",
    candidates=mention_candidates,
    reasons=mention_reasons,
    codes=("mention",),
    credibility=EDITORIAL,
    caption="与当前页面的内容在文中互相提及",
)
