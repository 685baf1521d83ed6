"""Who is held out: as many as asked for, always the same, and independent of any experiment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from recommender.holdout import HELD_OUT, HoldOut
from recommender.scenes.experiment import place_of
from recommender.scenes.validation import scene_of

ACTORS = [f"a{n}" for n in range(20_000)]


def test_as_many_are_held_out_as_asked_for_whatever_an_experiment_does() -> None:
    held = [actor for actor in ACTORS if HoldOut(0.05).holds(actor)]
    assert 900 < len(held) < 1_100
    assert 0.4 < sum(place_of("trees", "", actor) < 0.5 for actor in held) / len(held) < 0.6


@given(st.text(min_size=1), st.floats(0, 0.5), st.floats(0, 0.5), st.text(max_size=8))
def test_a_share_that_grows_keeps_whom_it_had(actor: str, one: float, other: float, salt: str) -> None:
    small, large = sorted((one, other))
    assert HoldOut(large, salt).holds(actor) or not HoldOut(small, salt).holds(actor)


def test_another_salt_holds_out_others() -> None:
    one, other = ({actor for actor in ACTORS if HoldOut(0.05, salt).holds(actor)} for salt in ("", "2027"))
    assert len(one & other) < 0.1 * len(one)


def test_no_scene_may_call_a_variant_so() -> None:
    with pytest.raises(InvalidInput, match=f"not {HELD_OUT}"):
        scene_of("home", {"title": "首页", "variants": {HELD_OUT: {"sources": {"fresh": 1.0}}}}, "home.toml")
