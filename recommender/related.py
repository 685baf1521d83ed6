"""What belongs to an item (配套): its policies, interpretations, services and questions, one list per type.

In: an item, a catalogue, live co-clicks. Out: ranked items per type: explicit links of both directions first, then
those that name each other, then those that share readers or tags; where few do, those whose titles are like the item's.
Nobody's profile is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, starmap

import numpy as np

from civicrec.clock import to_ms
from civicrec.items import ITEM_TYPES, ItemType
from recommender.candidates.content import title_likeness
from recommender.candidates.generator import Query
from recommender.candidates.mention import mentioned
from recommender.candidates.related import links_of
from recommender.candidates.selection import first_open
from recommender.catalogue import Catalogue
from recommender.eligibility import eligible
from recommender.generators import DEFAULT_WEIGHTS, GENERATORS
from recommender.ranking.blend import blend, distinct
from recommender.reasons import reasons_for
from recommender.request import RankedItem, ReasonCode, Source
from recommender.signals import Signals

#: What editorial rules call these lists, beside the scenes; only blocks act on them.
RELATED = "related"
_CANDIDATES = 200
#: Below an explicit link, above anything learned.
_MENTION_WEIGHT = 2.0
_LINK_WEIGHT = 3.0
#: Sharing only a tag that half the catalogue carries relates nothing.
_MIN_LEARNED = 0.1
#: What the heading of the list says already: 配套.
_FREE: tuple[ReasonCode, ...] = ("related", "mention")
_SOURCES: tuple[Source, ...] = ("item_item", "co_click", "tags")
#: What says more of two items than their words do: with so few of them titles are compared too.
_TIED: frozenset[Source] = frozenset({"related", "mention", "item_item", "co_click"})
_FEW = 5
#: A title that is the same counts as much; below the least share of it two titles have only common words.
_TITLE_WEIGHT = 0.8
_LEAST_LIKENESS = 0.2
#: Newest open items whose titles are compared, and of each tag of the item.
_LOOKED_AT = 300


def related_to(
    item_id: str, catalogue: Catalogue, signals: Signals, now: datetime, n: int
) -> dict[ItemType, tuple[RankedItem, ...]]:
    """Return at most `n` related items of each type, types in the order of `ITEM_TYPES`, those without any left out.

    Parameters
    ----------
    item_id
        An item of the catalogue that is public (`recommender.eligibility.is_public`).
    signals
        With the co-clicks of this item.
    """
    row = catalogue.rows[item_id]
    open_rows = eligible(catalogue, ITEM_TYPES, now).copy()
    open_rows[row] = False
    open_rows[signals.editorial.acting(RELATED, to_ms(now)).blocked] = False
    # What stands beside an item says that it belongs there: only what may be told.
    told = {of_item: [pair for pair in pairs if pair[1] > 0] for of_item, pairs in signals.co_clicks.items()}
    query = Query(catalogue, replace(signals, co_clicks=told), open_rows, to_ms(now), context=row)
    parts: dict[int, dict[Source, float]] = {}
    for place, linked in enumerate(links_of(catalogue, row)):
        parts.setdefault(linked, {})["related"] = _LINK_WEIGHT - 0.001 * place
    for place, named in enumerate(mentioned(catalogue, row)):
        parts.setdefault(named, {})["mention"] = _MENTION_WEIGHT - 0.001 * place
    candidates = {source: GENERATORS[source].candidates(query, _CANDIDATES) for source in _SOURCES}
    ranked = blend(query, candidates, DEFAULT_WEIGHTS)
    for other, learned in ranked.parts_of(query, ranked.rows).items():
        if other in parts or sum(learned.values()) >= _MIN_LEARNED:
            parts[other] = {**parts.get(other, {}), **learned}
    if sum(open_rows[other] and not _TIED.isdisjoint(of_row) for other, of_row in parts.items()) < _FEW:
        for other, cosine in _like(query).items():
            parts.setdefault(other, {})["content"] = _TITLE_WEIGHT * cosine
    order = sorted(
        (other for other in parts if open_rows[other]), key=lambda other: (-sum(parts[other].values()), other)
    )
    return _by_type(query, order, parts, n)


def _like(query: Query) -> dict[int, float]:
    """Return row → how like its title is to that of the page's item; of what is newest, or shares a tag with it."""
    catalogue = query.catalogue
    orders = [catalogue.newest, *(catalogue.tag_rows[number] for number in catalogue.tags[query.context])]
    found = np.concatenate([first_open(query, order, _LOOKED_AT) for order in orders])
    if not len(found):
        return {}
    rows = distinct(found)
    cosines = title_likeness(query, rows)[0]
    like = np.argsort(-cosines, kind="stable")[:_CANDIDATES]
    like = like[cosines[like] >= _LEAST_LIKENESS]
    return dict(zip(rows[like].tolist(), cosines[like].tolist(), strict=True))


def _by_type(
    query: Query, order: Sequence[int], parts: Mapping[int, Mapping[Source, float]], n: int
) -> dict[ItemType, tuple[RankedItem, ...]]:
    catalogue = query.catalogue
    rows: dict[ItemType, list[int]] = {name: [] for name in ITEM_TYPES}
    for row in order:
        of_type = rows[ITEM_TYPES[catalogue.types[row]]]
        if len(of_type) < n:
            of_type.append(row)
    parts_of = [{row: parts[row] for row in of_type} for of_type in rows.values()]
    reasons_of = dict(chain.from_iterable(of_list.items() for of_list in reasons_for(query, parts_of, free=_FREE)))

    def ranked(position: int, row: int) -> RankedItem:
        of_row = parts[row]
        item, source = catalogue.items[catalogue.item_ids[row]], max(of_row, key=of_row.__getitem__)
        return RankedItem(item, row, position, sum(of_row.values()), source, reasons_of[row], of_row)

    return {name: tuple(starmap(ranked, enumerate(of_type))) for name, of_type in rows.items() if of_type}
