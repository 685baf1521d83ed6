"""What every candidate generator and every re-ranker does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.candidates.generator import Query
from recommender.generators import GENERATORS
from recommender.recommend import _may_show, query_of
from recommender.reranking.diversify import diversify
from tests.recommender.worlds import NOW, World, worlds


def query_in(world: World) -> Query:
    may_show = _may_show(world.request, world.profile, world.catalogue, NOW)
    return query_of(world.request, world.profile, world.catalogue, world.signals, NOW, may_show)


@pytest.mark.parametrize("source", GENERATORS)
@given(world=worlds(), n=st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_a_generator_names_open_items_once_best_first_at_most_n(source: str, world: World, n: int) -> None:
    query = query_in(world)
    rows, scores = GENERATORS[source].candidates(query, n)
    assert len(rows) == len(scores) <= n
    assert len(set(rows.tolist())) == len(rows)
    assert all(query.open_rows[rows])
    assert all(scores > 0)
    assert all(np.diff(scores) <= 0)


@pytest.mark.parametrize("source", GENERATORS)
@given(world=worlds())
@settings(max_examples=30, deadline=None)
def test_a_generator_is_deterministic_and_a_longer_answer_begins_with_the_shorter(source: str, world: World) -> None:
    short, long = GENERATORS[source].candidates(query_in(world), 3), GENERATORS[source].candidates(query_in(world), 9)
    assert short.rows.tolist() == long.rows.tolist()[:3]


RERANKERS = {"diversify": diversify}


@pytest.mark.parametrize("reranker", RERANKERS)
@given(
    themes=st.lists(st.lists(st.integers(0, 3), max_size=2, unique=True).map(tuple), max_size=12),
    n=st.integers(1, 8),
    share=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_a_reranker_returns_a_permutation(
    reranker: str, themes: list[tuple[int, ...]], n: int, share: float, seed: int
) -> None:
    rows = np.random.default_rng(seed).permutation(len(themes)).tolist()
    page, others = RERANKERS[reranker](rows, themes, n, share)
    assert len(page) <= n
    assert sorted(page + others) == sorted(rows)
