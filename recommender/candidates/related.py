"""Candidates by explicit links: what belongs to the item of the page, in either direction."""

from __future__ import annotations

import numpy as np

from civicrec.items import Rel
from recommender.candidates.scored import NOTHING, Question, Scored, best
from recommender.catalogue import MAX_TEXT, Catalogue, mentions


def related_candidates(question: Question, n: int) -> Scored:
    """Return the items linked with the page's item; those named first come first."""
    if question.context < 0:
        return NOTHING
    rows = list(links_of(question.catalogue, question.context))
    scores = 1.0 / (1.0 + 0.1 * np.arange(len(rows), dtype=np.float64))
    return best(question, np.array(rows, np.int64), scores, n)


def links_of(catalogue: Catalogue, row: int) -> dict[int, Rel]:
    """Return row → relation of every item this one links to, then of those that link to it."""
    item_id = catalogue.item_ids[row]
    forward = [(link.rel, link.item_id) for link in catalogue.items[item_id].links]
    found: dict[int, Rel] = {}
    for rel, other in (*forward, *catalogue.linked_from.get(item_id, ())):
        place = catalogue.rows.get(other)
        if place is not None and place != row:
            found.setdefault(place, rel)
    return found


def mentioned(catalogue: Catalogue, row: int) -> list[int]:
    """Return the rows this item names by title or document number, then those that name it."""
    item = catalogue.items[catalogue.item_ids[row]]
    text = f"{item.title} {item.summary} {item.body_text[:MAX_TEXT]}"
    forward = mentions(text, catalogue.named)
    backward = catalogue.mentioned_in.get(row, ())
    return [other for other in dict.fromkeys((*forward, *backward)) if other != row]
