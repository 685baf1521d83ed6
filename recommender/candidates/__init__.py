"""Candidate generators: each finds a few hundred items for its own reason."""

from __future__ import annotations

from recommender.candidates.als import als_candidates
from recommender.candidates.fresh import fresh_candidates
from recommender.candidates.item_item import co_click_candidates, item_item_candidates
from recommender.candidates.popular import popular_candidates
from recommender.candidates.related import related_candidates
from recommender.candidates.scored import Generator
from recommender.candidates.tags import tag_candidates
from recommender.candidates.trending import trending_candidates
from recommender.request import Source

GENERATORS: dict[Source, Generator] = {
    "related": related_candidates,
    "item_item": item_item_candidates,
    "co_click": co_click_candidates,
    "als": als_candidates,
    "tags": tag_candidates,
    "trending": trending_candidates,
    "fresh": fresh_candidates,
    "popular": popular_candidates,
}
