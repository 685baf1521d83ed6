"""Predicted beside observed: alike where people choose as predicted, apart where the ranker is too sure."""

import numpy as np
import pytest

from recommender.training.reliability import reliability
from tests.recommender.training.test_ranker import chosen_by, planted


def test_it_is_what_counting_says() -> None:
    utilities = [np.log([0.5, 0.25, 0.25]), np.log([0.9, 0.05, 0.05])]
    bins = reliability(utilities, [1, 0])
    # 0.03 to 0.1: two of 0.05, none clicked; 0.1 to 0.3: two of 0.25, one clicked; from 0.3: 0.5 and 0.9, one clicked.
    assert bins == [(2, 0.05, 0.0), (2, 0.25, 0.5), (2, 0.7, 0.5)]
    assert reliability([], []) == []


@pytest.mark.parametrize(("factor", "is_reliable"), [(1.0, True), (3.0, False)])
def test_predictions_of_the_weights_people_chose_by_are_reliable(factor: float, is_reliable: bool) -> None:
    examples = chosen_by(planted(), 3_000)
    utilities = [one.values.astype(np.float64) @ (factor * planted()) for one in examples]
    bins = reliability(utilities, [one.clicked for one in examples])
    assert sum(n for n, _, _ in bins) == sum(len(one.values) for one in examples)
    far = [abs(seen - told) for n, told, seen in bins if n > 300 and abs(seen - told) > 4 * (told / n) ** 0.5]
    assert bool(far) != is_reliable
