"""Candidates by governed tags: of the actor's profile, and of what they read last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from math import log
from typing import NamedTuple

import numpy as np

from civicrec.tags import split_tag
from recommender.candidates.generator import MAX_ALTERNATIVES, NOTHING, WORD, Generator, Query, Scored
from recommender.candidates.selection import best, first_open, summed
from recommender.catalogue import Catalogue
from recommender.request import Reason

#: Tags looked up: beyond the strongest eight they add work and no order.
MAX_TAGS = 8
#: Newest open items looked at per tag; keeps the work even when a tag has 10 000 items.
MAX_ITEMS_A_TAG = 100
#: Newest seed items whose tags count, each 0.8 of the one after it: an interest of now, not of a month.
MAX_TAG_SEEDS = 10
_FADE = 0.8
#: Dimensions a reason names, the matter first; a life event or a trade only beside the item that carries it, because
#: 您关注的“生小孩” would say more of a person than they told.
SAID = ("theme", "industry", "life_event")
SAID_OF_PROFILE = ("theme", "industry")
_KIND = {"theme": "主题", "industry": "行业", "life_event": "事项"}
#: A word that more than an eighth of the catalogue carries says nothing of one item.
MIN_RARITY = log(8)
#: 您关注的 needs this share of the profile's strongest interest.
MIN_INTEREST = 1 / 3


def tag_candidates(query: Query, n: int) -> Scored:
    """Return the items that share tags with profile and history; a rare tag counts for more than a common one."""
    strengths = query.once(tag_strengths)
    strongest = sorted(strengths.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_TAGS]
    rows_of = [first_open(query, query.catalogue.tag_rows[number], MAX_ITEMS_A_TAG) for number, _ in strongest]
    if not rows_of:
        return NOTHING
    scores = np.repeat([strength for _, strength in strongest], [len(rows) for rows in rows_of])
    rows = np.concatenate(rows_of)
    return best(query, rows, summed(query, rows, scores), n)


def tag_strengths(query: Query) -> dict[int, float]:
    """Return tag number → strength > 0: interest times how rare the tag is in the catalogue."""
    catalogue = query.catalogue
    interest: dict[int, float] = defaultdict(float)
    heaviest = max(query.tags.values(), default=0.0)
    for name, weight in query.tags.items():
        number = catalogue.tag_numbers.get(name)
        if number is not None and weight > 0:
            interest[number] += weight / heaviest
    for place, row in enumerate(islice(query.seeds, MAX_TAG_SEEDS)):
        share = _FADE**place
        for number in _said_by(query, row):
            interest[number] += share
    rarity = catalogue.tag_rarity
    return {number: weight * rarity[number] for number, weight in interest.items() if rarity[number] > 0}


def _said_by(query: Query, row: int) -> Sequence[int]:
    """Return the tags that a seed tells of the reader: not those the reader deleted, unless they read it right now."""
    tags = query.catalogue.tags[row]
    if row == query.context or not query.deleted_numbers:
        return tags
    return [number for number in tags if number not in query.deleted_numbers]


def tag_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Name the words a row shares with the profile or with items read: rare ones that speak of the matter.

    What is told of a person (audience, group, size of a firm) is not said, though it orders lists: it would read as a
    statement about the visitor.
    """
    strengths, words = query.once(tag_strengths), query.catalogue.once(_words)
    by_number: dict[int, list[Reason]] = {}
    reasons: dict[int, list[Reason]] = {}
    for row in rows:
        shared = [number for number in query.catalogue.tags[row] if number in strengths and number in words]
        shared.sort(key=lambda number: (words[number].rank, -strengths[number]))
        of_row: list[Reason] = []
        for number in shared:
            if number not in by_number:
                by_number[number] = _reasons(query, number, words[number])
            of_row += by_number[number]
        if of_row:
            reasons[row] = of_row[:MAX_ALTERNATIVES]
    return reasons


class _Word(NamedTuple):
    """A tag that may be said: its name, dimension and word, and the place of the dimension in `SAID`."""

    name: str
    dimension: str
    word: str
    rank: int


def _words(catalogue: Catalogue) -> dict[int, _Word]:
    """Return the tags of a catalogue that may be said, by number."""
    words = {}
    for number, (name, rarity) in enumerate(zip(catalogue.tag_names, catalogue.tag_rarity, strict=True)):
        dimension, word = split_tag(name)
        if dimension in SAID and rarity >= MIN_RARITY:
            words[number] = _Word(name, dimension, word, SAID.index(dimension))
    return words


def _reasons(query: Query, number: int, tag: _Word) -> list[Reason]:
    """Return what there is to say of a tag: that the profile has it, and which seeds carry it."""
    catalogue, reasons = query.catalogue, []
    least = max(query.tags.values(), default=0.0) * MIN_INTEREST
    if tag.dimension in SAID_OF_PROFILE and query.tags.get(tag.name, 0.0) >= max(least, 1e-9):
        reasons.append(Reason("tag", f"与您关注的“{tag.word}”有关", {"tag": tag.name}))
    seeds = [seed for seed in islice(query.seeds, MAX_TAG_SEEDS) if number in _said_by(query, seed)]
    for seed in seeds[: MAX_ALTERNATIVES - 1]:
        whose, kind = "" if seed == query.context else "您看过的", _KIND[tag.dimension]
        evidence = {"tag": tag.name, "item_id": catalogue.item_ids[seed]}
        reasons.append(Reason("tag", f"与{whose}《{query.title(seed)}》同属“{tag.word}”{kind}", evidence))
    return reasons


GENERATOR = Generator(
    source="tags",
    candidates=tag_candidates,
    reasons=tag_reasons,
    codes=("tag",),
    caption="与您的兴趣标签或最近浏览内容的标签相同",
    credibility=WORD,
    weight=0.5,  # works from the first click on, for items nobody has clicked yet
)
