"""Candidates by explicit links: what belongs to the item of the page, in either direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from civicrec.items import Rel
from recommender.candidates.generator import NOTHING, Generator, Query, Scored
from recommender.candidates.selection import best
from recommender.catalogue import Catalogue
from recommender.request import Reason


def related_candidates(query: Query, n: int) -> Scored:
    """Return the items linked with the page's item; those named first come first."""
    if query.context < 0:
        return NOTHING
    rows = list(links_of(query.catalogue, query.context))
    scores = 1.0 / (1.0 + 0.1 * np.arange(len(rows), dtype=np.float64))
    return best(query, np.array(rows, np.int64), scores, n)


def links_of(catalogue: Catalogue, row: int) -> dict[int, Rel]:
    """Return row → relation of every item this one links to, then of those that link to it."""
    item_id = catalogue.item_ids[row]
    forward = [(link.rel, link.item_id) for link in catalogue.items[item_id].links]
    rel_of: dict[int, Rel] = {}
    for rel, other in (*forward, *catalogue.linked_from.get(item_id, ())):
        linked = catalogue.rows.get(other)
        if linked is not None and linked != row:
            rel_of.setdefault(linked, rel)
    return rel_of


def related_reasons(query: Query, rows: Sequence[int]) -> dict[int, Reason]:
    """Name the page's item and the relation."""
    if query.context < 0:
        return {}
    rel_of, item_id = links_of(query.catalogue, query.context), query.catalogue.item_ids[query.context]
    text = f"与《{query.title(query.context)}》配套"
    return {
        row: Reason("related", text, {"item_id": item_id, "rel": rel_of[row]}) for row in rows if row in rel_of
    }  # fmt: skip


GENERATOR = Generator(
    source="related",
    candidates=related_candidates,
    reasons=related_reasons,
    codes=("related",),
    caption="与当前页面有编辑标注的配套关系",
    weight=1.2,  # an editor's link is knowledge, not a guess
)
