"""Candidates by governed tags: of the actor's profile, and of what they read last."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from recommender.candidates.scored import NOTHING, Question, Scored, best, first_open, summed

#: Tags looked up: beyond the strongest eight they add work and no order.
MAX_TAGS = 8
#: Newest open items looked at per tag; keeps the work even when a tag has 10 000 items.
MAX_ITEMS_A_TAG = 100
#: Newest items of the history whose tags count, each 0.8 of the one after it: an interest of now, not of a month.
MAX_TAG_VOTERS = 10
_FADE = 0.8


def tag_candidates(question: Question, n: int) -> Scored:
    """Return the items that share tags with profile and history; a rare tag says more than a common one."""
    strengths = tag_strengths(question)
    strongest = sorted(strengths.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_TAGS]
    rows = [first_open(question, question.catalogue.tag_rows[number], MAX_ITEMS_A_TAG) for number, _ in strongest]
    if not rows:
        return NOTHING
    scores = np.repeat([strength for _, strength in strongest], [len(some) for some in rows])
    found = np.concatenate(rows)
    return best(question, found, summed(question, found, scores), n)


def tag_strengths(question: Question) -> dict[int, float]:
    """Return tag number → strength > 0: interest times how rare the tag is in the catalogue."""
    strengths: dict[int, float] | None = question.memo.get("tags")
    if strengths is not None:
        return strengths
    catalogue = question.catalogue
    interest: dict[int, float] = defaultdict(float)
    heaviest = max(question.tags.values(), default=0.0)
    for name, weight in question.tags.items():
        number = catalogue.tag_numbers.get(name)
        if number is not None and weight > 0:
            interest[number] += weight / heaviest
    for place, row in enumerate(list(question.voters)[:MAX_TAG_VOTERS]):
        for number in catalogue.tags[row]:
            interest[number] += _FADE**place
    rarity = catalogue.tag_rarity
    strengths = {number: weight * rarity[number] for number, weight in interest.items() if rarity[number] > 0}
    question.memo["tags"] = strengths
    return strengths
