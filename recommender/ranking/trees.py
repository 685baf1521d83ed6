"""Small decision trees that re-order the best candidates of a learned ranker: the sum of what each tree says.

In: trees as plain numbers, features of some candidates. Out: a score each. Every tree is complete, `DEPTH` questions
from its root to each leaf, so that all candidates walk down all trees at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.manifest import LearnedTrees

#: Questions from the root to a leaf: eight leaves.
DEPTH = 3
N_INNER, N_LEAVES = 2**DEPTH - 1, 2**DEPTH


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees in arrays, nodes in breadth-first order: the children of node k are 2k + 1 and 2k + 2.

    Attributes
    ----------
    inputs
        Name of each feature they ask for, in the order of the columns.
    columns
        (N_INNER, trees) which of them a node asks for.
    thresholds
        (N_INNER, trees) a larger value goes to the right; NaN, where there is none, leads everything to the left.
    values
        (trees, N_LEAVES) of each leaf, from left to right.
    """

    inputs: tuple[str, ...]
    columns: NDArray[np.intp]
    thresholds: NDArray[np.float64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, trees: LearnedTrees) -> Forest:
        """Return the trees of a run in arrays."""
        return cls(
            tuple(trees.inputs),
            np.array(trees.columns, np.intp).reshape(-1, N_INNER).T.copy(),
            np.array(trees.thresholds, np.float64).reshape(-1, N_INNER).T.copy(),
            np.array(trees.values, np.float64).reshape(-1, N_LEAVES),
        )

    def scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n,) the sum of the leaves that each of the (n, inputs) rows comes to."""
        inputs = np.ascontiguousarray(values.T)
        goes_right = inputs.take(self.columns, axis=0) > self.thresholds[:, :, None]
        path: list[NDArray[np.bool_]] = []
        leaf = np.zeros(goes_right.shape[1:], np.int8)
        for depth in range(DEPTH):
            # All questions of a depth are answered; of those left and right of each turn before, one half counts.
            asked = goes_right[2**depth - 1 : 2 ** (depth + 1) - 1]
            for right in path:
                half = len(asked) // 2
                asked = (right & asked[half:]) | (~right & asked[:half])
            path.append(asked[0])
            leaf = 2 * leaf + asked[0]
        firsts = np.arange(0, self.values.size, N_LEAVES)[:, None]
        scores: NDArray[np.float64] = self.values.take(firsts + leaf).sum(axis=0)
        return scores
