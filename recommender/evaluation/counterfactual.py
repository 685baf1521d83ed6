"""What another policy would have been worth, from lists that were served and clicked: IPS, SNIPS, doubly robust.

In: lists with the likelihood of each place, clicks, and where the other policy would have shown the same. Out: clicks a
list under it, with intervals. Pure. A click counts for the item and the place it happened at, and is taken to depend on
nothing else of the list (the item-position model of Li et al. 2018).

References
----------
Horvitz & Thompson 1952 (IPS); Swaminathan & Joachims 2015, "The Self-Normalized Estimator for Counterfactual Learning";
Dudík, Langford & Li 2011, "Doubly Robust Policy Evaluation and Learning"; Li, Abbasi-Yadkori, Kveton, Muthukrishnan,
Vinay & Wen 2018, "Offline Evaluation of Ranking Policies with Click Models".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.training.bootstrap import SAMPLES, intervals_95

#: Fewer equally weighed lists than this, and an interval of 95 % holds the truth less often.
MIN_EFFECTIVE = 100.0
#: Mean weight of a place is 1 where the log could show all that the policy would; so far from it is no chance.
MIN_COVERED = 0.9
#: Clicks an item must be expected to have before its own rate counts as much as that of its place.
PRIOR_CLICKS = 5.0


@dataclass(frozen=True, slots=True)
class Log:
    """Lists that were served and seen, as long as the longest; what a shorter one lacks has weight and clicks 0.

    Attributes
    ----------
    visitors
        (lists,) number of who saw it.
    shown, wanted
        (lists, places) number of the item that stood there, and of the one that the policy would have put there; -1 for
        none, or not known.
    clicked
        (lists, places) whether it was.
    weights
        (lists, places) how much likelier the policy is to show what was shown than the log was: 0 where it would not.
    """

    visitors: NDArray[np.int64]
    shown: NDArray[np.int64]
    wanted: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure in clicks a list, and its 95 % interval over visitors."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Worth:
    """What a policy is worth.

    Attributes
    ----------
    lists, visitors
        Looked at.
    logged
        What was served, as a yardstick.
    ips, snips, doubly_robust
        The policy, three ways: unbiased where the log could show all that it would; scaled to that; with a model of
        clicks for what was not shown.
    effective
        So many equally weighed lists would say as much.
    covered
        Mean weight of a place: the share of the policy's places that the log could show; beyond chance never over 1.
    doubt
        Why the figures are not to be relied on, empty if nothing speaks against it.
    """

    lists: int
    visitors: int
    logged: Estimate
    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate
    effective: float
    covered: float
    doubt: str


def worth_of(log: Log, samples: int = SAMPLES) -> Worth:
    """Return what a policy would have been worth on the lists of a log, at least one of at least one place."""
    there = log.shown >= 0
    rates = _rates(log)
    weights = np.where(there, log.weights, 0.0)
    gained = weights * log.clicked
    direct = np.where(there, rates[1], 0.0)
    guessed = direct + weights * (log.clicked - rates[0])
    of_list = np.stack(
        [
            np.ones(len(there)),
            there.sum(1),
            (log.clicked & there).sum(1),
            gained.sum(1),
            weights.sum(1),
            guessed.sum(1),
        ],
        axis=1,
    )
    numbers = np.unique(log.visitors, return_inverse=True)[1]
    sums = np.stack([np.bincount(numbers, column) for column in of_list.T], axis=1).astype(np.float64)
    figures = _figures(sums.sum(axis=0))
    bounds = intervals_95(sums, _figures, samples)
    logged, ips, snips, robust = (
        Estimate(float(value), float(low), float(high)) for value, (low, high) in zip(figures, bounds, strict=True)
    )
    by_list = of_list[:, 4]
    effective = float(by_list.sum() ** 2 / (by_list**2).sum()) if by_list.any() else 0.0
    covered = float(weights.sum() / max(1, there.sum()))
    doubt = _doubt(effective, covered)
    return Worth(len(there), len(sums), logged, ips, snips, robust, effective, covered, doubt)


def _figures(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    n, places, clicks, gained, weight, robust = sums.tolist()
    snips = gained / weight * places / n if weight else 0.0
    return np.array([clicks / n, gained / n, snips, robust / n])


def _doubt(effective: float, covered: float) -> str:
    """Return a plain sentence on why the log says too little of the policy."""
    if not effective:
        return "The log shows nothing that this policy would show: no figure says anything of it."
    if covered < MIN_COVERED:
        return (
            f"The log could show {covered:.0%} only of what this policy would: IPS counts the rest as never clicked, "
            "SNIPS as clicked like what was shown, the doubly robust figure as its model of clicks guesses."
        )
    if covered > 1 / MIN_COVERED:
        return f"The mean weight is {covered:.2f} instead of 1: a few lists with large weights decide; wait for more."
    if effective < MIN_EFFECTIVE:
        return f"Only {effective:.0f} equally weighed lists would say as much; expected {MIN_EFFECTIVE:.0f} at least."
    return ""


def _rates(log: Log) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (lists, places) click rates of what was shown and of what was wanted, each learned from other visitors.

    A place has its rate, an item so many times as many clicks as its places let expect, drawn to 1 by `PRIOR_CLICKS`.
    """
    shown_rates, wanted_rates = np.zeros(log.shown.shape), np.zeros(log.shown.shape)
    half = _halves(log.visitors)
    n_items = 1 + int(max(log.shown.max(initial=-1), log.wanted.max(initial=-1)))
    for fold in (0, 1):
        learns, uses = half != fold, half == fold
        there = log.shown[learns] >= 0
        clicked = log.clicked[learns] & there
        of_place = clicked.sum(0) / np.maximum(1, there.sum(0))
        expected = np.broadcast_to(of_place, there.shape)[there]
        items = log.shown[learns][there]
        clicks = np.bincount(items, clicked[there], minlength=n_items)
        lift = (clicks + PRIOR_CLICKS) / (np.bincount(items, expected, minlength=n_items) + PRIOR_CLICKS)
        lift = np.append(lift, 1.0)  # of the item -1, which is not known
        shown_rates[uses] = np.minimum(1.0, of_place * lift[log.shown[uses]])
        wanted_rates[uses] = np.minimum(1.0, of_place * lift[log.wanted[uses]])
    return shown_rates, wanted_rates


def _halves(visitors: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (lists,) 0 or 1, the same for all lists of a visitor, by order of number."""
    numbers: NDArray[np.int64] = np.unique(visitors, return_inverse=True)[1]
    return numbers % 2
