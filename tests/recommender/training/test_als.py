from __future__ import annotations

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from recommender.artifacts import Models
from recommender.manifest import Manifest
from recommender.scoring import als_scores, fold_in, ridge_of
from recommender.training.als import AlsConfig, fit_als
from tests.recommender.training.blocks import ITEMS, N_BLOCKS, blocks, item

CONFIG = AlsConfig(factors=8, alpha=5.0, regularization=2.0)


def models_with(factors: np.ndarray, config: AlsConfig, item_ids: tuple[str, ...]) -> Models:
    n_items = len(item_ids)
    return Models(
        run="r", item_ids=item_ids, popularity=np.zeros(n_items, np.float32),
        neighbours=np.full((n_items, 1), -1, np.int32), neighbour_weights=np.zeros((n_items, 1), np.float32),
        neighbour_actors=np.zeros((n_items, 1), np.int32), recent_actors=np.zeros(n_items, np.int32), chance_actors=1.0,
        factors=factors, als_regularization=config.regularization, als_alpha=config.alpha, manifest=Manifest(),
    )  # fmt: skip


def test_als_finds_the_withheld_item_of_a_block_where_popularity_does_not() -> None:
    data = blocks()
    models = models_with(fit_als(data.user_items(), CONFIG, 1), CONFIG, data.item_ids)
    popularity = np.bincount(data.items, minlength=len(data.item_ids))
    ridge = ridge_of(models)
    for block in range(1, N_BLOCKS):
        for hidden in range(ITEMS):
            rows = [data.item_ids.index(item(block, place)) for place in range(ITEMS) if place != hidden]
            wanted = data.item_ids.index(item(block, hidden))
            scores = als_scores(models, ridge, rows)
            scores[rows] = -np.inf
            assert int(np.argmax(scores)) == wanted
            assert popularity[wanted] < popularity[data.item_ids.index(item(0, hidden))]


def test_fold_in_is_the_vector_that_implicit_itself_computes() -> None:
    data = blocks()
    matrix = data.user_items().astype(np.float32)
    matrix.data = np.random.default_rng(3).uniform(0.5, 5.0, len(matrix.data)).astype(np.float32)
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=8, alpha=5.0, regularization=2.0, iterations=5, random_state=1)
        model.fit(matrix, show_progress=False)
        theirs = model.recalculate_user(7, matrix[7])
    models = models_with(model.item_factors, CONFIG, data.item_ids)
    ours = fold_in(models, ridge_of(models), matrix[7].indices.tolist(), matrix[7].data.tolist())
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    matrix = blocks().user_items()
    first = fit_als(matrix, CONFIG, 1)
    assert first.tobytes() == fit_als(matrix, CONFIG, 1).tobytes()
    assert first.tobytes() != fit_als(matrix, CONFIG, 2).tobytes()


def test_an_item_nobody_interacted_with_has_a_zero_vector() -> None:
    matrix = blocks().user_items().tolil()
    matrix[:, 2] = 0
    vectors = fit_als(matrix.tocsr(), CONFIG, 1)
    assert not vectors[2].any()
    assert vectors[3].any()


@pytest.mark.parametrize("factors", [1, 8, 500])
def test_there_are_never_more_factors_than_items_or_users(factors: int) -> None:
    matrix = blocks().user_items()
    assert fit_als(matrix, AlsConfig(factors=factors), 1).shape == (matrix.shape[1], min(factors, *matrix.shape))


def test_a_history_of_nothing_scores_nothing() -> None:
    data = blocks()
    models = models_with(fit_als(data.user_items(), CONFIG, 1), CONFIG, data.item_ids)
    assert not als_scores(models, ridge_of(models), []).any()
