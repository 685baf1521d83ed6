"""Candidates by explicit links: what belongs to the page's item, and what follows on a service done.

A follow-up is what people do at an office and an editor linked with a service that the visitor completed (办结), or put
into a topic with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from civicrec.items import ITEM_TYPES, Rel
from recommender.candidates.generator import EDITORIAL, MAX_ALTERNATIVES, NOTHING, Generator, Query, Scored
from recommender.candidates.selection import best
from recommender.catalogue import Catalogue
from recommender.request import Reason

#: Completed services, the latest, whose follow-ups are offered.
MAX_FOLLOWED = 3
_IS_OFFICE = np.array([name in ("service", "guide") for name in ITEM_TYPES])
#: Seed items, the newest, whose links a reason names.
MAX_LINK_SEEDS = 10


def related_candidates(query: Query, n: int) -> Scored:
    """Return the items linked with the page's item, those named first first; then what follows on services done."""
    rows = list(links_of(query.catalogue, query.context)) if query.context >= 0 else []
    if query.done:
        rows = list(dict.fromkeys((*rows, *query.once(follow_ups))))
    if not rows:
        return NOTHING
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


def series_of(catalogue: Catalogue, row: int) -> list[int]:
    """Return what stands in a topic with an item (part_of), without the topic and the item."""
    topics = [link.item_id for link in catalogue.items[catalogue.item_ids[row]].links if link.rel == "part_of"]
    members = [one for topic in topics for rel, one in catalogue.linked_from.get(topic, ()) if rel == "part_of"]
    return [one for one in dict.fromkeys(catalogue.rows_of(members)) if one != row]


def follow_ups(query: Query) -> dict[int, int]:
    """Return row → the completed service it follows on, the links of the latest first."""
    catalogue, of = query.catalogue, dict[int, int]()
    for done in query.done:
        for row in (*links_of(catalogue, done), *series_of(catalogue, done)):
            if _IS_OFFICE[catalogue.types[row]]:
                of.setdefault(row, done)
    return of


def related_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Name the item that an editor linked with each row: the page's, or one of those read last."""
    catalogue = query.catalogue
    seed_of = {catalogue.item_ids[seed]: seed for seed in list(query.seeds)[:MAX_LINK_SEEDS]}
    followed = query.once(follow_ups) if query.done else {}
    reasons = {row: [_follows(query, followed[row])] for row in rows if row in followed}
    if not seed_of:
        return reasons
    for row, has_links in zip(rows, catalogue.has_links[list(rows)].tolist(), strict=True):
        item_id = catalogue.item_ids[row]
        linked_from = catalogue.linked_from.get(item_id, ())
        if not (has_links or linked_from):
            continue
        links = catalogue.items[item_id].links
        own = [(link.item_id, link.rel, True) for link in links if link.item_id in seed_of]
        others = [(other, rel, False) for rel, other in linked_from if other in seed_of]
        by_seed = {
            other: Reason("related", _words(query, seed_of[other], rel, is_own), {"item_id": other, "rel": rel})
            for other, rel, is_own in (*others, *own)
            if other != item_id
        }
        if by_seed:
            of_seeds = [by_seed[other] for other in seed_of if other in by_seed]
            reasons[row] = [*reasons.get(row, ()), *of_seeds][:MAX_ALTERNATIVES]
    return reasons


def _follows(query: Query, done: int) -> Reason:
    text = f"办结《{query.title(done)}》后可接着办"
    return Reason("related", text, {"item_id": query.catalogue.item_ids[done], "rel": "follows"})


def _words(query: Query, seed: int, rel: Rel, is_own: bool) -> str:
    title = f"《{query.title(seed)}》"
    if rel == "part_of":
        return f"收录于{title}" if is_own else f"本专题收录了{title}"
    if seed == query.context:
        return f"与{title}配套"
    is_newest = bool(query.history) and seed == query.history[0]
    return f"与您{'刚' if is_newest else ''}看过的{title}配套"


GENERATOR = Generator(
    source="related",
    candidates=related_candidates,
    reasons=related_reasons,
    codes=("related",),
    caption="与当前页面有编辑标注的配套关系",
    credibility=EDITORIAL,
    tells_of_any=True,
    weight=1.2,  # an editor's link is knowledge, not a guess
)
