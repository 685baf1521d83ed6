"""Reasons: why an item is in a list, in words for the visitor and in evidence for a checker. Each one is true.

In: the question a list answered and one of its rows. Out: `Reason`s, or none where a generator cannot prove its word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from civicrec.clock import from_ms, rfc3339
from civicrec.tags import split_tag
from recommender.candidates.fresh import FRESH_DAYS
from recommender.candidates.item_item import MAX_CO_CLICK_VOTERS, live_neighbours, loudest_votes
from recommender.candidates.related import links_of, mentioned
from recommender.candidates.scored import Question
from recommender.candidates.tags import MAX_TAG_VOTERS, tag_strengths
from recommender.candidates.trending import MAX_TRENDING
from recommender.request import Reason, Source

#: A title longer than this is cut in a reason's text; the evidence names the item.
MAX_TITLE = 24


def reasons_for(
    question: Question, parts_of: Mapping[int, Mapping[Source, float]]
) -> dict[int, tuple[Reason, ...]]:  # fmt: skip
    """Return row → the reasons of the generators that spoke for it, the strongest first; never empty.

    Parameters
    ----------
    parts_of
        Row → generator → its part of the score, above 0.
    """
    question.memo["loudest"] = loudest_votes(question, list(parts_of))
    return {row: _reasons(question, row, parts) for row, parts in parts_of.items()}


def _reasons(question: Question, row: int, parts: Mapping[Source, float]) -> tuple[Reason, ...]:
    loudest = sorted(parts, key=parts.__getitem__, reverse=True)
    made = [_MAKERS[source](question, row) for source in loudest]
    reasons = tuple(reason for reason in made if reason is not None)
    return reasons or (_seen(question, row) or Reason("more", "更多内容"),)


def _related(question: Question, row: int) -> Reason | None:
    if question.context < 0:
        return None
    rel = links_of(question.catalogue, question.context).get(row)
    if rel is None:
        return None
    evidence = {"item_id": question.catalogue.item_ids[question.context], "rel": rel}
    return Reason("related", f"与《{_title(question, question.context)}》配套", evidence)


def _mention(question: Question, row: int) -> Reason | None:
    if question.context < 0 or row not in mentioned(question.catalogue, question.context):
        return None
    evidence = {"item_id": question.catalogue.item_ids[question.context]}
    return Reason("mention", f"与《{_title(question, question.context)}》文中提及", evidence)


def _item_item(question: Question, row: int) -> Reason | None:
    """Name the voter with the largest weight. A cosine above 0 means people interacted with both; EASE says less."""
    placed, loudest = question.signals.models, question.memo["loudest"].get(row)
    if placed is None or loudest is None:
        return None
    vote, voter = loudest  # all votes add up to more than 0, so the largest is above 0
    weight = vote / question.voters[voter]
    is_cosine = placed.models.manifest.get("item_item", {}).get("model") == "cosine"
    evidence = {
        "item_id": question.catalogue.item_ids[voter],
        "weight": round(weight, 6),
        "model": placed.models.run,
    }
    title = _title(question, voter)
    if is_cosine:
        return Reason("co_click", f"看过《{title}》的人也看了", evidence)
    reading = "正在看" if voter == question.context else "看过"
    return Reason("similar", f"因您{reading}《{title}》", evidence)


def _co_click(question: Question, row: int) -> Reason | None:
    voters = list(question.voters)[:MAX_CO_CLICK_VOTERS]
    weight, voter = max(
        ((live_neighbours(question, voter).get(row, 0.0), voter) for voter in voters), default=(0.0, -1)
    )
    if weight <= 0:
        return None
    evidence = {"item_id": question.catalogue.item_ids[voter], "live": True}
    return Reason("co_click", f"看过《{_title(question, voter)}》的人也看了", evidence)


def _als(question: Question, row: int) -> Reason | None:
    n = len(question.history) + (question.context >= 0)
    return Reason("als", "根据您的浏览记录推荐", {"model": question.signals.model, "history": n}) if n else None


def _tags(question: Question, row: int) -> Reason | None:
    catalogue = question.catalogue
    strengths = tag_strengths(question)
    shared = [number for number in catalogue.tags[row] if number in strengths]
    if not shared:
        return None
    number = max(shared, key=lambda tag: strengths[tag])
    name = catalogue.tag_names[number]
    word = split_tag(name)[1]
    if question.tags.get(name, 0.0) > 0:
        return Reason("tag", f"因您关注：{word}", {"tag": name})
    read = next(voter for voter in list(question.voters)[:MAX_TAG_VOTERS] if number in catalogue.tags[voter])
    evidence = {"tag": name, "item_id": catalogue.item_ids[read]}
    whose = "" if read == question.context else "您看过的"
    return Reason("tag", f"与{whose}《{_title(question, read)}》同属：{word}", evidence)


def _trending(question: Question, row: int) -> Reason | None:
    trends = question.signals.trends
    place = np.flatnonzero(trends.rows[:MAX_TRENDING] == row)
    if not len(place):
        return None
    rank = int(place[0])
    return Reason("trending", "近期热门", {"rank": rank + 1, "weight": round(float(trends.weights[rank]), 3)})


def _fresh(question: Question, row: int) -> Reason | None:
    published = rfc3339(from_ms(int(question.catalogue.published_ms[row])))
    return Reason("fresh", "最新发布", {"published_at": published, "within_days": FRESH_DAYS})


def _popular(question: Question, row: int) -> Reason | None:
    placed = question.signals.models
    if placed is None:
        return None
    share = float(placed.models.popularity[placed.model_of_row[row]])
    return Reason("popular", "大家常看", {"share": round(share, 6), "model": placed.models.run})


def _seen(question: Question, row: int) -> Reason | None:
    return Reason("seen", "您看过的内容", {}) if row in question.history else None


_MAKERS: dict[Source, Callable[[Question, int], Reason | None]] = {
    "related": _related,
    "mention": _mention,
    "item_item": _item_item,
    "co_click": _co_click,
    "als": _als,
    "tags": _tags,
    "trending": _trending,
    "fresh": _fresh,
    "popular": _popular,
}


def _title(question: Question, row: int) -> str:
    title = question.catalogue.title(row)
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…"
