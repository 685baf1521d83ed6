"""Whether a ranker's probabilities can be believed: what it predicted beside what happened. Pure.

In: for each list the utilities of its candidates, and which was clicked. Out: bins of candidates by predicted
probability, the softmax of the utilities (DeGroot & Fienberg 1983: predictions are reliable if in each bin both are
alike).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Lower ends of the bins but the first: most candidates of a list of hundreds are hopeless, so bins grow by powers.
EDGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


def reliability(
    utilities: Sequence[NDArray[np.float64]], clicked: Sequence[int]
) -> list[tuple[int, float, float]]:  # fmt: skip
    """Return for each bin that is not empty: candidates, their mean predicted probability, the share that was clicked.

    Parameters
    ----------
    utilities
        (candidates,) of each list, at least one.
    clicked
        Place of the clicked candidate in each.
    """
    if not utilities:
        return []
    shares = [np.exp(of_one - of_one.max()) for of_one in utilities]
    predicted = np.concatenate([of_one / of_one.sum() for of_one in shares])
    starts = np.cumsum([0, *(len(of_one) for of_one in utilities)])[:-1]
    happened = np.zeros(len(predicted))
    happened[starts + np.asarray(clicked)] = 1.0
    bin_of = np.digitize(predicted, EDGES)
    return [
        (int(inside.sum()), round(float(predicted[inside].mean()), 5), round(float(happened[inside].mean()), 5))
        for number in range(len(EDGES) + 1)
        if (inside := bin_of == number).any()
    ]
