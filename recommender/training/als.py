"""Implicit ALS (Hu, Koren & Volinsky 2008): users and items as vectors, by `implicit`.

In: a CSR matrix (n_users, n_items) of weights. Out: item vectors; user vectors are folded in where they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

#: Sweeps over all users and items; recall moves by less than its noise after these.
ITERATIONS = 15


@dataclass(frozen=True, slots=True)
class AlsConfig:
    """What decides how an ALS model comes out.

    Attributes
    ----------
    alpha
        Confidence of a click; everything not seen has 1.
    regularization
        Pull of every vector to 0; portal histories are short (median 4), so it must be strong.
    """

    factors: int = 64
    alpha: float = 10.0
    regularization: float = 200.0
    iterations: int = ITERATIONS


#: (alpha, regularization) pairs compared on a held-out slice when the data is small enough. A weakly regularised ALS
#: loses to popularity on histories of two or three items; both knobs grow together, from long histories to short ones.
ALS_GRID = ((2.0, 20.0), (2.0, 50.0), (5.0, 100.0), (10.0, 200.0), (20.0, 400.0))
#: Vectors this long tell the pairs apart as well as longer ones, in half the time (measured on MSWEB).
GRID_FACTORS = 32


def fit_als(user_items: Any, config: AlsConfig, seed: int) -> NDArray[np.float32]:
    """Return (n_items, factors) item vectors; the same matrix, config and seed give the same bytes.

    An item without any interaction gets zeros. There are never more factors than items or users.
    """
    from implicit.cpu.als import AlternatingLeastSquares

    matrix = user_items.tocsr().astype(np.float32)
    factors = max(1, min(config.factors, *matrix.shape))
    # implicit spreads rows over its own threads; BLAS threads below them fight for the same cores.
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=factors,
            alpha=config.alpha,
            regularization=config.regularization,
            iterations=config.iterations,
            random_state=seed,
        )
        model.fit(matrix, show_progress=False)
    vectors = np.array(model.item_factors, dtype=np.float32)
    vectors[np.diff(matrix.tocsc().indptr) == 0] = 0.0
    return vectors
