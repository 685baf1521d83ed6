"""What a campaign's plan may say, and the words for what it may not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from civicrec.errors import InvalidInput
from profiles.rules.language import rule_from
from recommender.push.plan import check_sensitive, check_window, plan_from
from tests.recommender.push.campaigns import NOW, a_plan

SMALL = {"attribute": "scale", "one_of": ["小型企业"]}


def test_a_plan_is_read_with_its_defaults() -> None:
    plan = plan_from(a_plan(audience={"rule": SMALL}))
    assert (plan.per_week, plan.quiet.begins, plan.quiet.until, plan.channels) == (3, "21:00", "08:00", ("inbox",))
    assert plan.rule == rule_from(SMALL)
    assert plan_from(a_plan()).rule is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"titel": "x"}, "unknown field `titel`"),
        ({"campaign_id": "a b"}, "campaign_id: got 'a b'"),
        ({"title": "  "}, "title is blank"),
        ({"items": []}, "items"),
        ({"items": ["loan", "loan"]}, "items: got one of them twice"),
        ({"channels": ["sms"]}, "Invalid enum value 'sms'"),
        ({"audience": {}}, "audience: got nothing"),
        ({"audience": {"rule": {"attribute": "wealth", "at_least": 1}}}, "got attribute 'wealth'"),
        ({"quiet": {"begins": "25:00", "until": "08:00"}}, "quiet.begins: got '25:00'"),
        ({"holdout_share": 0.9}, "holdout_share"),
        ({"per_week": 0}, "per_week"),
        ({"begins": (NOW + timedelta(days=11)).isoformat()}, "expected after begins"),
        ({"ends": "2026-03-09T00:00:00"}, "timezone"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words.replace("(", r"\(")):
        plan_from(a_plan(**change))


def test_a_window_that_is_over_or_endless_is_refused() -> None:
    plan = plan_from(a_plan())
    check_window(plan, NOW)
    with pytest.raises(InvalidInput, match="the campaign ended"):
        check_window(plan, plan.ends)
    with pytest.raises(InvalidInput, match="92 days"):
        check_window(plan_from(a_plan(ends="2029-01-01T00:00:00Z")), NOW)


@pytest.mark.parametrize(
    "rule",
    [
        {"attribute": "groups", "one_of": ["残疾人"]},
        {"attribute": "groups", "one_of": ["老年人", "残疾人"]},
        {"attribute": "groups", "one_of": ["儿童青少年"]},
        {"not": {"attribute": "groups", "one_of": ["残疾人"]}},
        {"any": [SMALL, {"attribute": "age", "at_most": 17}]},
    ],
)
def test_nothing_sensitive_and_no_minority_decides_an_audience(rule: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="sensitive|minors"):
        plan_from(a_plan(audience={"rule": rule}))


def test_what_is_not_sensitive_may_decide() -> None:
    check_sensitive(rule_from({"all": [SMALL, {"attribute": "age", "at_least": 60}]}), "rule")
    check_sensitive(rule_from({"attribute": "groups", "one_of": ["老年人"]}), "rule")
