"""Who gets a campaign and who does not, and what a look ahead tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.rules.attributes import attributes_from
from recommender.holdout import HoldOut
from recommender.push.audience import (
    LEFT_OUT,
    Known,
    Target,
    hidden_small,
    is_eligible,
    left_out,
    preview_of,
    target_of,
)
from recommender.push.plan import plan_from
from tests.item_builders import an_item
from tests.recommender.push.campaigns import FIRM, ITEM, NOW, a_plan

FITS = Known("s1", attributes_from(FIRM))


def target(share: float = 0.0, **fields: Any) -> Target:
    return target_of(plan_from(a_plan(**fields)), [ITEM], share)


def test_who_fits_and_wants_it_gets_it() -> None:
    assert left_out(target(), FITS) is None


@pytest.mark.parametrize(
    ("reason", "known"),
    [
        ("erased", replace(FITS, is_erased=True, consents=False)),
        ("minor", replace(FITS, attributes=attributes_from({"age": 17}), is_off=True)),
        ("minor", replace(FITS, attributes=attributes_from({"groups": ["儿童青少年"]}))),
        ("no_consent", replace(FITS, consents=False, is_off=True)),
        ("switched_off", replace(FITS, is_off=True, attributes={})),
        ("ineligible", replace(FITS, attributes=attributes_from({"scale": "大型企业"}), wanted=frozenset())),
        ("ineligible", replace(FITS, attributes=attributes_from({"scale": "小型企业"}))),  # 服务对象 is not known
        ("unsubscribed", replace(FITS, wanted=frozenset({"webhook"}), recent=(NOW,) * 3)),
        ("capped", replace(FITS, recent=(NOW,) * 3)),
    ],
)
def test_the_first_reason_is_told(reason: str, known: Known) -> None:
    assert left_out(target(), known) == reason


def test_an_own_rule_the_conditions_and_a_begun_application_must_all_hold() -> None:
    rule = {"attribute": "years", "at_least": 2}
    both = target(audience={"of_items": True, "rule": rule, "started": True})
    old = replace(FITS, attributes=attributes_from(FIRM | {"years": 3}), started=True)
    assert is_eligible(both, old)
    assert not is_eligible(both, replace(old, started=False))
    assert not is_eligible(both, replace(old, attributes=attributes_from({"years": 3})))
    assert not is_eligible(both, replace(old, attributes=attributes_from(FIRM)))


def test_one_item_that_fits_is_enough_and_none_that_may_be_sent_is_for_nobody() -> None:
    other = an_item("other", item_type="policy", audiences=("自然人",))
    assert is_eligible(target_of(plan_from(a_plan()), [other, ITEM], 0), FITS)
    assert not is_eligible(target_of(plan_from(a_plan()), [other], 0), FITS)
    assert not is_eligible(target_of(plan_from(a_plan()), [], 0), FITS)


def test_the_hold_out_is_the_share_that_was_asked_for_and_each_campaign_draws_its_own() -> None:
    people = [replace(FITS, subject=f"{n:032x}") for n in range(4_000)]
    one, two = target(holdout_share=0.2), target(holdout_share=0.2, campaign_id="c2")
    held = [{known.subject for known in people if left_out(some, known) == "held_out"} for some in (one, two)]
    for some in held:
        assert 700 < len(some) < 900
    assert 100 < len(held[0] & held[1]) < 230  # a fifth of a fifth: drawn apart
    everywhere = [{known.subject for known in people if left_out(some, known) == "held_out"}
                  for some in (target(0.05), target(0.05, campaign_id="c2"))]  # fmt: skip
    assert everywhere[0] == everywhere[1]
    assert len(everywhere[0]) == sum(HoldOut(0.05, "push").holds(known.subject) for known in people) > 120


def test_a_look_ahead_counts_each_person_once_and_hides_what_few_stand_behind() -> None:
    people = [
        *[replace(FITS, subject=f"a{n}") for n in range(40)],
        *[replace(FITS, subject=f"b{n}", is_off=True) for n in range(12)],
        *[replace(FITS, subject=f"c{n}", consents=False) for n in range(30)],
        *[replace(FITS, subject=f"d{n}", attributes=attributes_from({"age": 9})) for n in range(3)],
    ]
    shown = preview_of(target(channels=["inbox", "webhook"]), people)
    assert shown.reached == 40
    assert shown.channels == {"inbox": 40, "webhook": 40}
    # Three minors, and by the sum of all they could be told: twelve go with them.
    assert shown.left_out == dict.fromkeys(LEFT_OUT, 0) | {"no_consent": 30, "switched_off": None, "minor": None}


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 30), min_size=1))
def test_no_small_number_is_told_or_can_be_worked_out_from_the_sum(counts: dict[str, int]) -> None:
    shown = hidden_small(counts)
    hidden = [name for name, n in shown.items() if n is None]
    assert all(n is None or n == counts[name] for name, n in shown.items())
    assert all(not 0 < n < 10 for n in shown.values() if n is not None)
    # What is left of the sum for the hidden ones is told of two at least, or of all there is.
    assert len(hidden) != 1 or all(n == 0 for name, n in counts.items() if name not in hidden)
