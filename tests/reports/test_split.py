"""The check of the split: what it must find, and how seldom it may alarm for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from civicrec.reports.comparison.split import is_uneven, split_p


def test_the_likelihood_is_as_published() -> None:
    # Kohavi, Tang & Xu (2020), Trustworthy Online Controlled Experiments, chapter 3: 821,588 and 815,482 of 50 % each.
    assert split_p([815_482, 821_588], [0.5, 0.5]) == pytest.approx(1.8e-6, rel=0.02)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_one_percent_of_the_people_in_the_wrong_arm_is_found(share: float) -> None:
    rng = np.random.default_rng(7)
    held_out = rng.binomial(200_000, share + 0.01, 500)
    assert all(is_uneven([200_000 - n, n], [1 - share, share]) for n in held_out.tolist())


def test_a_right_split_seldom_alarms() -> None:
    rng = np.random.default_rng(8)
    held_out = rng.binomial(200_000, 0.05, 2_000)
    assert sum(is_uneven([200_000 - n, n], [0.95, 0.05]) for n in held_out.tolist()) <= 8  # 2 are expected


def test_a_split_of_a_few_people_seldom_alarms_either() -> None:
    # Exactly: the likelihood of all numbers of held-out people at which it alarms.
    for people in (5, 20, 100, 400):
        alarms = [n for n in range(people + 1) if is_uneven([people - n, n], [0.95, 0.05])]
        assert binom.pmf(alarms, people, 0.05).sum() <= 0.001


def test_nobody_is_no_alarm() -> None:
    assert split_p([0, 0], [0.95, 0.05]) == 1.0
