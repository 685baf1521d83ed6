"""Candidates by governed tags: of the actor's profile, and of what they read last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from civicrec.tags import split_tag
from recommender.candidates.generator import NOTHING, Generator, Query, Scored
from recommender.candidates.selection import best, first_open, summed
from recommender.request import Reason

#: Tags looked up: beyond the strongest eight they add work and no order.
MAX_TAGS = 8
#: Newest open items looked at per tag; keeps the work even when a tag has 10 000 items.
MAX_ITEMS_A_TAG = 100
#: Newest seed items whose tags count, each 0.8 of the one after it: an interest of now, not of a month.
MAX_TAG_SEEDS = 10
_FADE = 0.8


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


def tag_reasons(query: Query, rows: Sequence[int]) -> dict[int, Reason]:
    """Name the strongest shared tag, and whose it is: the profile's, or that of an item read."""
    strengths, seeds = query.once(tag_strengths), list(query.seeds)[:MAX_TAG_SEEDS]
    reasons = {}
    for row in rows:
        shared = [number for number in query.catalogue.tags[row] if number in strengths]
        if shared:
            reasons[row] = _reason(query, seeds, max(shared, key=strengths.__getitem__))
    return reasons


def _reason(query: Query, seeds: Sequence[int], number: int) -> Reason:
    catalogue = query.catalogue
    name = catalogue.tag_names[number]
    word = split_tag(name)[1]
    if query.tags.get(name, 0.0) > 0:
        return Reason("tag", f"因您关注：{word}", {"tag": name})
    read = next(seed for seed in seeds if number in catalogue.tags[seed])
    evidence = {"tag": name, "item_id": catalogue.item_ids[read]}
    whose = "" if read == query.context else "您看过的"
    return Reason("tag", f"与{whose}《{query.title(read)}》同属：{word}", evidence)


GENERATOR = Generator(
    source="tags",
    candidates=tag_candidates,
    reasons=tag_reasons,
    codes=("tag",),
    caption="与您的兴趣标签或最近浏览内容的标签相同",
    weight=0.5,  # works from the first click on, for items nobody has clicked yet
)
