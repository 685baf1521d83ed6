"""Lists of one page: each as if it were asked for alone, less what stands in those before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recommender.recommend import recommend, recommend_page
from recommender.request import Request
from tests.recommender.test_same_lists import CALLERS, SCENES, a_catalogue, the_signals
from tests.recommender.worlds import NOW


@pytest.mark.parametrize("caller", CALLERS)
def test_lists_of_a_page_are_those_asked_for_one_by_one(caller: str) -> None:
    catalogue = a_catalogue()
    signals = the_signals(catalogue, "cosine")
    profile, recent = CALLERS[caller]
    requests = [
        Request(SCENES["home"], 5, recent=recent),
        Request(SCENES["news"], 5, recent=recent, item_id="i9"),
        Request(SCENES["home"], 5, recent=recent, exclude=frozenset({"i7"})),
        Request(SCENES["home"], 5, "general"),
    ]
    lists = recommend_page(requests, profile, catalogue, signals, NOW)
    before: frozenset[str] = frozenset()
    for request, ranked_list in zip(requests, lists, strict=True):
        alone = recommend(replace(request, exclude=request.exclude | before), profile, catalogue, signals, NOW)
        assert ranked_list == alone
        ids = {ranked.item.item_id for ranked in ranked_list.items}
        assert len(ids) == 5
        assert not ids & before
        before |= ids
