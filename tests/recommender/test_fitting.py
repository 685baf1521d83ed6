"""How many people an item fits: against a plain reading, and nothing of fewer than ten."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.rules.attributes import Attributes, attributes_from
from recommender.fitting import Fitting, count_fitting
from tests.item_builders import an_item

ITEM = an_item("i", audiences=("企业法人",), enterprise_scales=("小型企业", "微型企业"))
_SAID = st.fixed_dictionaries(
    {},
    optional={"audience": st.sampled_from(["企业法人", "自然人"]), "scale": st.sampled_from(["小型企业", "大型企业"])},
)


def plainly(said: dict[str, Any]) -> str:
    if said.get("audience", "企业法人") != "企业法人" or said.get("scale", "小型企业") != "小型企业":
        return "does_not_fit"
    return "fits" if len(said) == 2 else "not_known"


@given(st.lists(st.tuples(_SAID, st.integers(1, 12)), max_size=6))
def test_counts_are_those_of_a_plain_reading_or_hidden(groups: list[tuple[dict[str, Any], int]]) -> None:
    people = [said for said, n in groups for _ in range(n)]
    counted = count_fitting(ITEM, map(attributes_from, people))
    for name in ("fits", "does_not_fit", "not_known"):
        n = sum(plainly(said) == name for said in people)
        assert getattr(counted, name) == (n if n >= 10 else None)


@pytest.mark.parametrize(("n", "shown"), [(9, None), (10, 10)])
def test_ten_people_stand_behind_a_number_and_an_item_without_conditions_is_for_all(n: int, shown: int | None) -> None:
    people: list[Attributes] = [{}] * n
    assert count_fitting(an_item("j"), people) == Fitting(shown, None, None)
