from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from civicrec.crowds import MIN_ORDERING
from recommender.training.co_occurrence import CoOccurrence, co_occurrence_of
from recommender.training.item_item import (
    COSINE_PART,
    COSINE_SHRINK,
    Neighbours,
    chance_actors,
    ease_weights,
    neighbours,
)
from tests.recommender.training.blocks import interactions_in


@pytest.fixture
def user_items() -> csr_matrix:
    rng = np.random.default_rng(5)
    dense = (rng.random((60, 12)) < 0.3) * rng.uniform(0.5, 5.0, (60, 12))
    return csr_matrix(dense.astype(np.float32))


def counted(user_items: csr_matrix, max_active: int = 4_000, min_actors: int = MIN_ORDERING) -> CoOccurrence:
    return co_occurrence_of(interactions_in(user_items), max_active, min_actors)


def cosines_of(user_items: csr_matrix, k: int, min_actors: int = MIN_ORDERING) -> Neighbours:
    """Return the neighbours where no item is active enough for EASE: cosines, here of their own size."""
    near, weights, actors = neighbours(counted(user_items, 0, min_actors), 7.0, k)
    return Neighbours(near, weights / COSINE_PART, actors)


def weights_by_hand(binary: np.ndarray) -> np.ndarray:
    """Return what each history weighs: longer ones less an item, all items together as much as there are."""
    weights = np.array([1 / max(1.0, row.sum()) ** 0.5 for row in binary])
    return weights * binary.sum() / sum(weight * row.sum() for weight, row in zip(weights, binary, strict=True))


def test_ease_is_the_ridge_regression_of_each_item_on_all_others(user_items: csr_matrix) -> None:
    binary = (user_items.toarray() > 0).astype(float)
    weights = ease_weights(counted(user_items), 7.0, dropout=0.0)
    w = weights_by_hand(binary)
    for j in range(12):
        others = [i for i in range(12) if i != j]
        x = binary[:, others]
        by_hand = np.linalg.solve((x.T * w) @ x + 7.0 * np.eye(11), (x.T * w) @ binary[:, j])
        np.testing.assert_allclose(weights[others, j], by_hand, rtol=1e-5, atol=1e-8)
        assert weights[j, j] == 0


def test_dropout_is_the_regression_on_histories_with_items_left_out_at_random() -> None:
    rng = np.random.default_rng(8)
    binary = (rng.random((40, 5)) < 0.5).astype(float)
    copies = np.repeat(binary, 4_000, axis=0)
    left = copies * (rng.random(copies.shape) >= 0.3) / 0.7  # as dropout scales what it keeps
    weights, w = ease_weights(counted(csr_matrix(binary)), 3.0, dropout=0.3), weights_by_hand(copies)
    for j in range(5):
        others = [i for i in range(5) if i != j]
        x = left[:, others]
        by_hand = np.linalg.solve((x.T * w) @ x + 4_000 * 3.0 * np.eye(4), (x.T * w) @ copies[:, j])
        np.testing.assert_allclose(weights[others, j], by_hand, atol=0.01)


def test_rare_items_have_neighbours_and_neighbours_may_be_rare(user_items: csr_matrix) -> None:
    actors = (user_items.toarray() > 0).sum(axis=0)
    active = set(np.argsort(-actors, kind="stable")[:8].tolist())
    found = neighbours(counted(user_items, 8, 1), 7.0, 12)
    among = ease_weights(counted(user_items[:, sorted(active)]), 7.0)
    cosines = cosines_of(user_items, 12, min_actors=1)
    factors = set()
    for i in range(12):
        cosine_of = dict(zip(cosines.rows[i].tolist(), cosines.weights[i].tolist(), strict=True))
        for j, weight in zip(found.rows[i].tolist(), found.weights[i].tolist(), strict=True):
            if {i, j} <= active:
                assert weight == pytest.approx(among[sorted(active).index(i), sorted(active).index(j)], rel=1e-6)
            elif j >= 0:
                factors.add(round(weight / cosine_of[j], 5))
        if i not in active:
            assert set(found.rows[i].tolist()) == set(cosine_of)
    assert any(j not in active for i in active for j in found.rows[i].tolist() if j >= 0)
    assert len(factors) == 1  # one factor brings all cosines to the size of the weights
    whole = factors.pop() / COSINE_PART
    both = [(among[a, b], cosines.weights[i][cosines.rows[i] == j][0])
            for a, i in enumerate(sorted(active)) for b, j in enumerate(sorted(active))
            if among[a, b] > 0 and j in cosines.rows[i]]  # fmt: skip
    assert whole == pytest.approx(sum(w for w, _ in both) / sum(c for _, c in both), rel=1e-3)


def test_only_the_strongest_neighbours_are_kept_strongest_first(user_items: csr_matrix) -> None:
    full = ease_weights(counted(user_items), 7.0)
    near, weights, _ = neighbours(counted(user_items, min_actors=1), 7.0, 4)
    assert near.shape == weights.shape == (12, 4)
    for row in range(12):
        assert set(near[row]) == set(np.argsort(-np.abs(full[row]))[:4])
        np.testing.assert_allclose(weights[row], full[row, near[row]], rtol=1e-6)
        assert (np.diff(np.abs(weights[row])) <= 0).all()


def test_cosine_is_the_shrunk_share_of_common_users(user_items: csr_matrix) -> None:
    binary = user_items.toarray() > 0
    near, weights, _ = cosines_of(user_items, 12, min_actors=1)
    for i in range(12):
        found = {j: w for j, w in zip(near[i].tolist(), weights[i].tolist(), strict=True) if j >= 0}
        assert i not in found
        for j in set(range(12)) - {i}:
            together = (binary[:, i] & binary[:, j]).sum()
            expected = together / (np.sqrt(binary[:, i].sum() * binary[:, j].sum()) + COSINE_SHRINK)
            assert found.get(j, 0.0) == pytest.approx(expected, rel=1e-6)


def test_items_that_nobody_shares_have_no_neighbour() -> None:
    near, weights, _ = cosines_of(csr_matrix(np.eye(3, dtype=np.float32)), 2)
    assert (near == -1).all()
    assert (weights == 0).all()


def test_weights_of_one_actor_count_once(user_items: csr_matrix) -> None:
    loud = user_items.copy()
    loud.data *= 1000
    np.testing.assert_array_equal(ease_weights(counted(user_items), 7.0), ease_weights(counted(loud), 7.0))


@pytest.mark.parametrize("active", [0, 7, 12])
def test_a_pair_of_few_actors_speaks_for_nothing(user_items: csr_matrix, active: int) -> None:
    binary = user_items.toarray() > 0
    near, weights, _ = neighbours(counted(user_items, active, 6), 7.0, 12)
    told = {(i, j) for i in range(12) for j, w in zip(near[i].tolist(), weights[i].tolist(), strict=True) if w > 0}
    assert told
    assert all((binary[:, i] & binary[:, j]).sum() >= 6 for i, j in told)


@pytest.mark.parametrize("active", [0, 7, 12])
def test_each_neighbour_comes_with_the_actors_of_the_pair(user_items: csr_matrix, active: int) -> None:
    binary = user_items.toarray() > 0
    found = neighbours(counted(user_items, active, 1), 7.0, 5)
    for i in range(12):
        for j, actors in zip(found.rows[i].tolist(), found.actors[i].tolist(), strict=True):
            assert actors == (0 if j < 0 else (binary[:, i] & binary[:, j]).sum())


def test_what_pairs_share_by_chance_follows_how_much_each_actor_reads() -> None:
    rng = np.random.default_rng(2)
    # A tenth of the actors read nearly everything, the others two items of forty; nobody prefers anything.
    sizes = np.where(np.arange(4_000) < 400, 30, 2)
    dense = np.zeros((4_000, 40), np.float32)
    for actor, size in enumerate(sizes):
        dense[actor, rng.choice(40, size, replace=False)] = 1.0
    share = dense.mean(axis=0)
    shared = (dense.T @ dense)[np.triu_indices(40, 1)]
    by_chance = (chance_actors(counted(csr_matrix(dense))) * np.outer(share, share))[np.triu_indices(40, 1)]
    assert 0.95 < shared.sum() / by_chance.sum() < 1.05
    assert shared.sum() / (4_000 * np.outer(share, share)[np.triu_indices(40, 1)]).sum() > 3
    assert chance_actors(counted(csr_matrix((0, 0), dtype=np.float32))) == 0.0
