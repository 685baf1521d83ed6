"""The interval of a mean: by visitors, and as often right as it says."""

import numpy as np
import pytest

from recommender.training.bootstrap import interval_95


def test_visitors_are_drawn_with_all_their_values() -> None:
    assert interval_95(np.array([1, 0, 1, 0]), np.array([3, 3, 3, 3])) == (0.5, 0.5)
    low, high = interval_95(np.r_[np.ones(200), np.zeros(200)], np.arange(400))
    assert 0.44 < low < 0.46
    assert 0.54 < high < 0.56


def test_each_value_is_another_visitors_where_none_are_named() -> None:
    values = np.random.default_rng(4).random(300)
    assert interval_95(values) == pytest.approx(interval_95(values, np.arange(300)))


def test_the_width_is_that_of_the_normal_distribution_where_values_are_many() -> None:
    values = np.random.default_rng(5).normal(2.0, 3.0, 2_000)
    low, high = interval_95(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_values_of_one_visitor_make_it_wider_than_as_many_of_others() -> None:
    values = np.repeat(np.random.default_rng(6).random(100) < 0.5, 20).astype(float)
    low, high = interval_95(values, np.repeat(np.arange(100), 20))
    low_alone, high_alone = interval_95(values)
    assert high - low > 3 * (high_alone - low_alone)
