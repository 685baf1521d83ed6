from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recommender.training.co_occurrence import co_occurrence_of
from tests.recommender.training.blocks import interactions_in

SEEDS = st.integers(0, 10_000)


def histories(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((40, 9)) < rng.uniform(0.1, 0.6, 9)).astype(np.float64)


@given(SEEDS, st.integers(0, 9), st.integers(1, 5))
def test_pairs_are_counted_and_actors_weighed_as_by_hand(seed: int, max_active: int, min_actors: int) -> None:
    dense = histories(seed)
    counted = co_occurrence_of(interactions_in(csr_matrix(dense)), max_active, min_actors)
    actors = dense.sum(axis=0)
    np.testing.assert_array_equal(counted.actors, actors)
    active = counted.active.tolist()
    assert (
        sorted(active, key=lambda item: (-actors[item], item))
        == sorted(range(9), key=lambda i: (-actors[i], i))[:max_active]
    )
    shared = counted.shared.toarray()
    for one in range(9):
        for other in range(9):
            both = int((dense[:, one] * dense[:, other]).sum())
            is_kept = one != other and (both >= min_actors or {one, other} <= set(active))
            assert shared[one, other] == (both if is_kept else 0)
    sizes = dense[:, active].sum(axis=1)
    weights = [int(2**20 / max(1.0, size) ** 0.5) for size in sizes.tolist()]
    gram = sum((w * np.outer(row, row) for w, row in zip(weights, dense[:, active], strict=True)), np.zeros(()))
    np.testing.assert_array_equal(counted.gram, gram if active else np.zeros((0, 0)))


@given(SEEDS, st.integers(1, 9), st.integers(1, 3))
def test_what_is_held_out_is_taken_off_as_if_it_had_not_been_counted(seed: int, max_active: int, least: int) -> None:
    dense, rng = histories(seed), np.random.default_rng(seed + 1)
    users = rng.choice(40, 12, replace=False)
    left = dense.copy()
    left[users] *= rng.random((12, 9)) < 0.7
    whole = co_occurrence_of(interactions_in(csr_matrix(dense)), max_active, least)
    rest = whole.without(csr_matrix(dense[users]), csr_matrix(left[users]))
    counts = left.T @ left
    np.testing.assert_array_equal(rest.actors, counts.diagonal())
    np.fill_diagonal(counts, 0)
    np.testing.assert_array_equal(rest.shared.toarray(), np.where(whole.shared.toarray() > 0, counts, 0))
    assert (rest.shared.data > 0).all()
    sizes = left[:, whole.active].sum(axis=1)
    by_hand = (left[:, whole.active].T * np.floor(2**20 / np.sqrt(sizes.clip(1)))) @ left[:, whole.active]
    np.testing.assert_array_equal(rest.gram, by_hand)
    np.testing.assert_array_equal(whole.shared.toarray(), whole.shared.T.toarray())


def test_a_fingerprint_changes_with_any_count() -> None:
    dense = histories(1)
    one = co_occurrence_of(interactions_in(csr_matrix(dense)))
    assert one.fingerprint() == co_occurrence_of(interactions_in(csr_matrix(dense * 3))).fingerprint()
    dense[5, 2] = 1 - dense[5, 2]
    assert one.fingerprint() != co_occurrence_of(interactions_in(csr_matrix(dense))).fingerprint()
