"""Lists of three and four, worked by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.evaluation.metrics import breese_score, is_hit, ndcg_at, recall_at, reciprocal_rank

ABC = ["a", "b", "c"]


def test_recall_is_the_share_of_wanted_items_shown() -> None:
    assert recall_at(ABC, {"a", "c"}, 2) == 0.5
    assert recall_at(ABC, {"a", "c"}, 3) == 1.0
    assert recall_at(ABC, set(), 3) == 0.0


def test_a_hit_is_any_wanted_item_among_the_first_k() -> None:
    assert is_hit(ABC, {"c"}, 3)
    assert not is_hit(ABC, {"c"}, 2)


def test_reciprocal_rank_looks_at_the_first_wanted_item() -> None:
    assert reciprocal_rank(ABC, {"b", "c"}, 3) == 0.5
    assert reciprocal_rank(ABC, {"c"}, 2) == 0.0


def test_ndcg_discounts_by_the_logarithm_of_the_place() -> None:
    assert ndcg_at(ABC, {"b"}, 3) == pytest.approx(1 / math.log2(3))
    assert ndcg_at(ABC, {"a", "c"}, 3) == pytest.approx((1 + 0.5) / (1 + 1 / math.log2(3)))
    assert ndcg_at(ABC, {"z"}, 3) == 0.0


def test_breese_halves_an_item_every_four_places() -> None:
    ranked = list("abcdefghi")
    assert breese_score(ranked, {"a"}) == 1.0
    assert breese_score(ranked, {"e"}) == pytest.approx(0.5)
    assert breese_score(ranked, {"i"}) == pytest.approx(0.25)
    assert breese_score(ranked, {"z"}) == 0.0


@given(st.permutations(list("abcdef")), st.sets(st.sampled_from("abcdef"), min_size=1), st.integers(1, 6))
def test_every_measure_lies_between_nothing_and_the_best_order(ranked: list[str], wanted: set[str], k: int) -> None:
    best = [*sorted(wanted), *sorted(set("abcdef") - wanted)]
    assert 0 <= ndcg_at(ranked, wanted, k) <= ndcg_at(best, wanted, k) == pytest.approx(1)
    assert 0 < breese_score(ranked, wanted) <= breese_score(best, wanted) + 1e-12
    assert breese_score(best, wanted) == pytest.approx(1)
    assert recall_at(ranked, wanted, 6) == 1
    assert is_hit(ranked, wanted, k) == (reciprocal_rank(ranked, wanted, k) > 0)
