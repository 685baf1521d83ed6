"""Experiments: visitors are divided by hash, in the shares that were asked for, and stay where they are."""

from __future__ import annotations

from datetime import date
from math import exp, inf, lgamma, log, log1p
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from recommender.scenes.experiment import Experiment, place_of
from recommender.scenes.validation import read_scene
from tests.recommender.scenes.test_scene_files import VETERANS, written

DAY = date(2026, 3, 10)
N = 4_000
ACTORS = [f"actor-{n}" for n in range(N)]
NAMES = st.text("abcdefgh-", min_size=1, max_size=12)
ARM = VETERANS + "\n[variants.b]\nmax_topic_share = 1\n[experiment]\n"


def surprise(seen: int, share: float, n: int = N) -> float:
    """Chernoff's exponent of `seen` of `n` where `share` was expected: n times their relative entropy.

    Each tail of a binomial is at most exp(-exponent) for every share, also one so small that a single visitor
    is many standard deviations; a bound by the normal distribution is wrong there.
    """
    parts = ((seen, n * share), (n - seen, n * (1 - share)))
    return sum((inf if expected == 0 else got * log(got / expected)) for got, expected in parts if got)


CHANCE = 18.0  # one tail in 65 million; a run looks at some thousand


@pytest.mark.parametrize("share", [0.0, 1e-300, 7.6e-6, 0.003, 0.4, 1.0])
def test_the_bound_holds_for_every_share(share: float) -> None:
    def beyond(tail: range) -> float:  # the exact chance of what is refused on one side of the share
        refused = [k for k in tail if surprise(k, share) > CHANCE]
        return float(sum(exp(log_chance(k, share)) for k in refused))

    assert surprise(round(N * share), share) < 1
    middle = round(N * share)
    assert beyond(range(middle + 1)) <= exp(-CHANCE)
    assert beyond(range(middle, N + 1)) <= exp(-CHANCE)


def log_chance(k: int, share: float) -> float:
    if share in (0, 1):
        return 0.0 if k == N * share else -inf
    ways = lgamma(N + 1) - lgamma(k + 1) - lgamma(N - k + 1)
    return ways + k * log(share) + (N - k) * log1p(-share)


@given(name=NAMES, salt=NAMES, first=st.floats(0, 1), second=st.floats(0, 1))
@example(name="a", salt="a", first=0.0, second=7.6e-6)
def test_each_variant_has_its_share_of_the_visitors(name: str, salt: str, first: float, second: float) -> None:
    """By Chernoff's bound, which holds for tiny shares too."""
    shares = {"b": first, "c": second * (1 - first)}
    given_to = [Experiment(name, shares, salt).variant_of(actor, DAY) for actor in ACTORS]
    for variant, share in shares.items():
        assert surprise(given_to.count(variant), share) <= CHANCE


@given(one=NAMES, other=NAMES, share=st.floats(0.1, 0.9))
def test_two_experiments_divide_visitors_independently(one: str, other: str, share: float) -> None:
    """By Chernoff's bound for each pair of arms."""
    tests = (Experiment(one, {"b": share}, "1"), Experiment(other, {"b": 0.5}, "2"))
    arms = [tuple(test.variant_of(actor, DAY) for test in tests) for actor in ACTORS]
    for arm, expected in ((("b", "b"), share * 0.5), (("", "b"), (1 - share) * 0.5)):
        assert surprise(arms.count(arm), expected) <= CHANCE


def test_one_name_and_salt_divide_alike_and_another_salt_anew() -> None:
    news, home = (Experiment("trees", {variant: 0.5}, "s") for variant in ("x", "y"))
    assert all(bool(news.variant_of(a, DAY)) == bool(home.variant_of(a, DAY)) for a in ACTORS)
    again = Experiment("trees", {"x": 0.5}, "t")
    moved = sum(news.variant_of(actor, DAY) != again.variant_of(actor, DAY) for actor in ACTORS)
    assert surprise(moved, 0.5) <= CHANCE


@given(actor=st.text(min_size=1), low=st.floats(0, 1), more=st.floats(0, 1))
def test_a_visitor_stays_day_after_day_and_while_the_share_grows(actor: str, low: float, more: float) -> None:
    small, large = Experiment("e", {"b": low}), Experiment("e", {"b": low + more * (1 - low)})
    assert small.variant_of(actor, DAY) == small.variant_of(actor, date(2030, 1, 1))
    if small.variant_of(actor, DAY):
        assert large.variant_of(actor, DAY) == "b"
    assert 0 <= place_of("e", "", actor) < 1


def test_an_experiment_runs_from_its_first_to_its_last_day_and_for_no_stranger() -> None:
    test = Experiment("e", {"b": 1.0}, start=date(2026, 3, 1), end=date(2026, 3, 10))
    days = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 10), date(2026, 3, 11))
    assert [test.variant_of("a", day) for day in days] == ["", "b", "b", ""]
    assert test.variant_of("", DAY) == ""


def test_a_file_says_its_experiment(tmp_path: Path) -> None:
    text = ARM + 'name = "topics"\nsalt = "1"\nstart = 2026-03-01\nend = 2026-03-31\n[experiment.shares]\nb = 0.25'
    scene = read_scene(written(tmp_path, text))
    assert scene.experiment == Experiment("topics", {"b": 0.25}, "1", date(2026, 3, 1), date(2026, 3, 31))
    assert scene.variants["b"].experiment is None
    assert read_scene(written(tmp_path, VETERANS)).experiment is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ARM + "shares = {b = 0.5}", "experiment.name is missing"),
        (ARM + 'name = "e"', "experiment.shares is missing"),
        (ARM + 'name = "e"\nshares = {c = 0.5}', "experiment.shares.c is no variant; expected b"),
        (ARM + 'name = "e"\nshares = {b = 1.1}', "experiment.shares is .*; expected a table of variants and shares"),
        (ARM + 'name = "e"\nshares = {b = nan}', "experiment.shares is .*; expected a table of variants and shares"),
        (ARM + 'name = "E"\nshares = {b = 0.5}', "experiment.name is 'E'"),
        (ARM + 'name = "e"\nshares = {b = 0.5}\nstart = "now"', "experiment.start is 'now'; expected a day"),
        (ARM + 'name = "e"\nshares = {b = 1}\nstart = 2026-03-02\nend = 2026-03-01', "experiment.end is 2026-03-01"),
        (ARM + 'name = "e"\nshares = {b = 1}\nstop = 1', "experiment.stop is no field"),
        ("personalised = false\n" + ARM + 'name = "e"\nshares = {b = 1}', "the same for all"),
        (VETERANS + '\n[experiment]\nname = "e"\nshares = {b = 1}', "expected none; write its table"),
    ],
)
def test_a_wrong_experiment_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        read_scene(written(tmp_path, text))
    assert "\n" not in str(refused.value)
