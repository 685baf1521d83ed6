"""Candidates by governed tags: of the actor's profile, and of what they read last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import log
from typing import NamedTuple

import numpy as np

from civicrec.tags import split_tag
from recommender.candidates.generator import MAX_ALTERNATIVES, NOTHING, WORD, Generator, Query, Scored
from recommender.candidates.selection import best, first_open, summed
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
    for place, row in enumerate(list(query.seeds)[:MAX_TAG_SEEDS]):
        for number in catalogue.tags[row]:
            interest[number] += _FADE**place
    rarity = catalogue.tag_rarity
    return {number: weight * rarity[number] for number, weight in interest.items() if rarity[number] > 0}


def tag_reasons(query: Query, rows: Sequence[int]) -> dict[int, list[Reason]]:
    """Name the words a row shares with the profile or with items read: rare ones that speak of the matter.

    What is told of a person (audience, group, size of a firm) is not said, though it orders lists: it would read as a
    statement about the visitor.
    """
    strengths = query.once(tag_strengths)
    words, reasons = query.once(_spoken), {}
    for row in rows:
        shared = [number for number in query.catalogue.tags[row] if number in words]
        if shared:
            shared.sort(key=lambda number: (words[number].rank, -strengths[number]))
            of_row = [reason for number in shared for reason in _reasons(query, words[number])]
            reasons[row] = of_row[:MAX_ALTERNATIVES]
    return reasons


class _Word(NamedTuple):
    """A tag that may be said: its name, its place in `SAID`, whether the profile has it, the seeds that carry it."""

    name: str
    rank: int
    is_interest: bool
    seeds: list[int]


def _spoken(query: Query) -> dict[int, _Word]:
    """Return the tags of profile and history that may be said, by number."""
    catalogue, seeds = query.catalogue, list(query.seeds)[:MAX_TAG_SEEDS]
    least = max(query.tags.values(), default=0.0) * MIN_INTEREST
    words = {}
    for number in query.once(tag_strengths):
        name = catalogue.tag_names[number]
        dimension = split_tag(name)[0]
        if dimension in SAID and catalogue.tag_rarity[number] >= MIN_RARITY:
            is_interest = dimension in SAID_OF_PROFILE and query.tags.get(name, 0.0) >= max(least, 1e-9)
            carrying = [seed for seed in seeds if number in catalogue.tags[seed]]
            if is_interest or carrying:
                words[number] = _Word(name, SAID.index(dimension), is_interest, carrying)
    return words


def _reasons(query: Query, tag: _Word) -> list[Reason]:
    dimension, word = split_tag(tag.name)
    reasons = []
    if tag.is_interest:
        reasons.append(Reason("tag", f"与您关注的“{word}”有关", {"tag": tag.name}))
    for seed in tag.seeds[: MAX_ALTERNATIVES - 1]:
        whose = "" if seed == query.context else "您看过的"
        evidence = {"tag": tag.name, "item_id": query.catalogue.item_ids[seed]}
        reasons.append(Reason("tag", f"与{whose}《{query.title(seed)}》同属“{word}”{_KIND[dimension]}", evidence))
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
