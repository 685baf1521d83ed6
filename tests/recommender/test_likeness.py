"""Likeness of titles: what plain sums over pairs of characters say, and what a reader would say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.items import Item
from profiles.online.ports import ActorState
from recommender.catalogue import Catalogue
from recommender.likeness import likeness, titles_read
from recommender.recommend import recommend
from recommender.request import Request
from recommender.signals import Signals
from recommender.terms import terms_of
from tests.recommender.plain_titles import Rarity, cosine, terms
from tests.recommender.worlds import NOW, SCENES

TITLES = [
    "关于做好高校毕业生一次性求职补贴发放工作的通知",
    "高校毕业生一次性求职补贴今日开始申领",
    "城区供暖时间调整",
    "供暖季本周开始，城区热费标准不变",
    "全市中小学秋季开学安排",
    "Ｃ１驾驶证换领 办事指南",
]


def catalogue_of(titles: list[str]) -> Catalogue:
    return Catalogue.of(
        Item(item_id=f"n{place}", item_type="news", title=title, published_at=NOW) for place, title in enumerate(titles)
    )


TEXT = st.text(alphabet="医保社保报销公积金2026年ab -《》", max_size=12).filter(str.strip)


@given(st.lists(TEXT, min_size=1, max_size=8), st.data())
def test_it_is_the_cosine_of_plain_sums(titles: list[str], data: st.DataObject) -> None:
    catalogue = catalogue_of(titles)
    rows = range(len(titles))
    weights = st.sampled_from([0.5, 1.0, 3.0])
    histories = data.draw(st.lists(st.lists(st.tuples(st.sampled_from(rows), weights), max_size=3), max_size=2))
    found = likeness(catalogue, titles_read(catalogue, histories), np.arange(len(titles)))
    assert found.shape == (len(histories), len(titles))
    by_row = [catalogue.title(row) for row in rows]
    rarity = Rarity(by_row)
    for history, alike in zip(histories, found.tolist(), strict=True):
        read = rarity.history([(by_row[row], weight) for row, weight in history])
        assert alike == pytest.approx([cosine(read, rarity.vector(title)) for title in by_row], abs=1e-9)


def test_terms_are_pairs_of_characters_and_words() -> None:
    for title in TITLES:
        assert set(terms_of(title)) == terms(title)
    assert len(terms_of("、。！《》 \u200b")) == 0


def test_a_list_brings_what_reads_like_it_and_says_why() -> None:
    catalogue = catalogue_of(TITLES)
    request = Request(SCENES["news"], 5, recent=("n0", "n2"))
    page = recommend(request, ActorState(), catalogue, Signals(), NOW)
    reasons = {
        one.item.item_id: [reason.text for reason in one.reasons if reason.code == "content"] for one in page.items
    }
    assert [one.item.item_id for one in page.items][:2] in (["n1", "n3"], ["n3", "n1"])
    assert [text[:6] for text in reasons["n1"]] == ["与您看过的《"]
    assert not reasons["n4"]
    assert not reasons["n5"]
