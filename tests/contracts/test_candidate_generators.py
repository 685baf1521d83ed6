"""What every candidate generator, every ranker and every re-ranker does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.candidates.generator import Query
from recommender.generators import GENERATORS
from recommender.ranking.rankers import RANKERS
from recommender.recommend import may_show, query_of
from recommender.reranking.rerankers import RERANKERS
from tests.recommender.worlds import NOW, World, worlds


def query_in(world: World) -> Query:
    open_rows = may_show(world.request, world.profile, world.catalogue, NOW)
    return query_of(world.request, world.profile, world.catalogue, world.signals, NOW, open_rows)


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


@pytest.mark.parametrize("ranker", RANKERS)
@given(world=worlds())
@settings(max_examples=30, deadline=None)
def test_a_ranker_orders_each_candidate_once_and_tells_the_parts_of_all(ranker: str, world: World) -> None:
    query, weights = query_in(world), world.request.scene.sources
    candidates = {source: GENERATORS[source].candidates(query, 9) for source in weights}
    ranked = RANKERS[ranker](query, candidates, weights)
    sources_of = {
        row: {source for source, scored in candidates.items() if row in scored.rows.tolist()} for row in ranked.rows
    }
    assert sorted(ranked.rows) == sorted({row for scored in candidates.values() for row in scored.rows.tolist()})
    assert {row: set(parts) for row, parts in ranked.parts_of(query, ranked.rows).items()} == sources_of
    assert RANKERS[ranker](query, candidates, weights).rows == ranked.rows


@pytest.mark.parametrize("reranker", RERANKERS)
@given(world=worlds(), n=st.integers(1, 8), share=st.floats(0, 1), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_reranker_returns_a_permutation(reranker: str, world: World, n: int, share: float, seed: int) -> None:
    rows = np.random.default_rng(seed).permutation(len(world.catalogue)).tolist()
    scene = replace(world.request.scene, max_topic_share=share)
    page, others = RERANKERS[reranker](rows, query_in(world), scene, n)
    assert len(page) <= n
    assert sorted(page + others) == sorted(rows)
