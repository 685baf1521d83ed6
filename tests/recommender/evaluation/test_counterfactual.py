"""Estimates of a policy that was not served, against worlds whose answer is known."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from recommender.evaluation.counterfactual import Log, worth_of
from recommender.training.bootstrap import interval_95

RATES = np.array([0.5, 0.3, 0.1, 0.05])  # of items, at a place whose factor is 1
PLACES = np.array([1.0, 0.6])
#: The log puts one of four items at either place, independently; the policy always item 0, then item 2.
LOGGED = np.array([[0.4, 0.2, 0.2, 0.2], [0.1, 0.3, 0.4, 0.2]])
WANTED = np.array([0, 2])
TRUTH = float((RATES[WANTED] * PLACES).sum())


def a_log(rng: np.random.Generator, n_visitors: int, lists_each: int = 3) -> Log:
    """Return lists of visitors, some of whom click more than others."""
    visitors = np.repeat(np.arange(n_visitors), lists_each)
    eager = rng.uniform(0.5, 1.5, n_visitors)[visitors]
    shown = np.stack([rng.choice(4, len(visitors), p=of_place) for of_place in LOGGED], axis=1)
    clicked = rng.random(shown.shape) < RATES[shown] * PLACES * eager[:, None]
    return of_policy(visitors, shown, clicked, WANTED)


def of_policy(visitors: np.ndarray, shown: np.ndarray, clicked: np.ndarray, wanted: np.ndarray) -> Log:
    likely = LOGGED[np.arange(2), shown]
    weights = (shown == wanted) / likely
    return Log(visitors, shown, np.broadcast_to(wanted, shown.shape).copy(), clicked, weights)


def test_the_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = []
    for seed in range(600):
        worth = worth_of(a_log(np.random.default_rng(seed), 200), samples=200)
        held.append([one.low <= TRUTH <= one.high for one in (worth.ips, worth.snips, worth.doubly_robust)])
    assert all(0.93 <= share <= 0.97 for share in np.mean(held, axis=0))


def test_over_every_list_that_could_be_served_ips_is_exactly_the_truth() -> None:
    cases = list(product(range(4), range(4), (False, True), (False, True)))
    shown = np.array([[first, second] for first, second, _, _ in cases])
    clicked = np.array([case[2:] for case in cases])
    rates = RATES[shown] * PLACES
    chance = np.prod(LOGGED[np.arange(2), shown] * np.where(clicked, rates, 1 - rates), axis=1)
    log = of_policy(np.arange(len(cases)), shown, clicked, WANTED)
    assert chance.sum() == pytest.approx(1)
    assert (chance * (log.weights * clicked).sum(axis=1)).sum() == pytest.approx(TRUTH)


def test_they_are_what_plain_sums_say() -> None:
    log = a_log(np.random.default_rng(5), 40)
    n, weight, gained, clicks = len(log.shown), 0.0, 0.0, 0
    for one in range(n):
        for place in range(2):
            share = 1 / LOGGED[place][log.shown[one, place]] if log.shown[one, place] == WANTED[place] else 0.0
            weight += share
            gained += share * log.clicked[one, place]
            clicks += bool(log.clicked[one, place])
    worth = worth_of(log)
    assert (worth.lists, worth.visitors) == (120, 40)
    assert worth.logged.value == pytest.approx(clicks / n)
    assert worth.ips.value == pytest.approx(gained / n)
    assert worth.snips.value == pytest.approx(gained / weight * 2)
    assert worth.covered == pytest.approx(weight / (2 * n))
    by_list = [sum((log.shown[one] == WANTED) / LOGGED[[0, 1], log.shown[one]]) for one in range(n)]
    assert worth.effective == pytest.approx(sum(by_list) ** 2 / sum(share**2 for share in by_list))
    low, high = interval_95(log.clicked.sum(axis=1), log.visitors)
    assert (worth.logged.low, worth.logged.high) == pytest.approx((low, high))


def test_what_was_served_is_worth_what_it_got() -> None:
    log = a_log(np.random.default_rng(6), 300)
    same = replace(log, wanted=log.shown, weights=np.ones(log.shown.shape))
    worth = worth_of(same)
    assert worth.ips == worth.logged == worth.snips
    assert worth.doubly_robust.value == pytest.approx(worth.logged.value)
    assert (worth.covered, worth.effective, worth.doubt) == (1.0, pytest.approx(900), "")


def test_the_model_of_clicks_narrows_the_interval() -> None:
    worth = worth_of(a_log(np.random.default_rng(7), 2_000))
    assert worth.doubly_robust.high - worth.doubly_robust.low < worth.ips.high - worth.ips.low
    assert worth.doubt == ""


def test_a_policy_of_which_nothing_was_shown_is_told_nothing_of() -> None:
    log = a_log(np.random.default_rng(8), 50)
    worth = worth_of(replace(log, wanted=np.full(log.shown.shape, 9), weights=np.zeros(log.shown.shape)))
    assert (worth.ips.value, worth.snips.value, worth.effective, worth.covered) == (0.0, 0.0, 0.0, 0.0)
    assert "no figure says anything" in worth.doubt


def test_a_policy_of_which_half_was_never_shown_is_doubted() -> None:
    log = a_log(np.random.default_rng(9), 500)
    weights = log.weights.copy()
    weights[:, 1] = 0.0  # as if item 2 never stood at the second place
    worth = worth_of(replace(log, weights=weights))
    assert worth.covered == pytest.approx(0.5, abs=0.06)
    assert "only" in worth.doubt
    assert abs(worth.doubly_robust.value - TRUTH) < abs(worth.ips.value - TRUTH)


def test_few_lists_are_called_few() -> None:
    log = a_log(np.random.default_rng(11), 12)
    same = replace(log, wanted=log.shown, weights=np.ones(log.shown.shape))
    assert "36 equally weighed lists" in worth_of(same).doubt


def test_a_few_large_weights_are_doubted() -> None:
    log = a_log(np.random.default_rng(10), 300)
    weights = np.zeros(log.shown.shape)
    weights[:3] = 1_000.0
    assert "large weights" in worth_of(replace(log, weights=weights)).doubt


def test_places_that_a_list_does_not_have_count_for_nothing() -> None:
    log = a_log(np.random.default_rng(12), 200)
    pad = [(0, 0), (0, 1)]
    longer = Log(
        log.visitors, np.pad(log.shown, pad, constant_values=-1), np.pad(log.wanted, pad, constant_values=-1),
        np.pad(log.clicked, pad), np.pad(log.weights, pad),
    )  # fmt: skip
    assert worth_of(longer) == worth_of(log)
