"""What people do with campaigns, on a real registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from civicrec.errors import Conflict, Forbidden, InvalidInput, NotFound
from civicrec.items import item_from
from civicrec.registry.campaigns import KeptCampaign, campaign
from civicrec.registry.catalogue import set_status
from civicrec.registry.choices import switch
from civicrec.registry.deliveries import Delivery, Outcome, enlist, settle
from civicrec.registry.segments import Draft, put_segment
from civicrec.registry.subscriptions import subscribe
from civicrec.registry.tables import registry_at
from civicrec.settings.push import PushSettings
from recommender.push.actions import preview_campaign, put_campaign, start_campaign, step_campaign
from recommender.push.audience import LEFT_OUT
from recommender.push.plan import plan_from
from recommender.push.states import Action
from tests.item_builders import an_item
from tests.recommender.push.campaigns import FIRM, NOW, a_plan, consent, people_of, put_items, put_people

SEEN = {"seen": "last", "within_days": 30}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Engine]:
    with registry_at(f"sqlite:///{tmp_path}/registry.sqlite") as opened:
        put_items(opened)
        yield opened


def put(registry: Engine, expected: int = 0, who: str = "li", **fields: Any) -> KeptCampaign:
    return put_campaign(registry, a_plan(**fields), expected, who=who, why="", now=NOW)


def step(registry: Engine, action: Action, who: str, expected: int | None = None) -> KeptCampaign:
    return step_campaign(registry, "c1", action, expected, who=who, why="", now=NOW)


def start(registry: Engine, expected: int | None = None) -> KeptCampaign:
    return start_campaign(
        people_of(registry), "c1", expected, PushSettings(holdout_share=0), who="zhao", why="", now=NOW
    )


def approved(registry: Engine, **fields: Any) -> None:
    put(registry, **fields)
    step(registry, "propose", "li")
    step(registry, "approve", "zhao")


def test_a_campaign_goes_from_its_author_over_a_second_person_to_the_day_it_begins(registry: Engine) -> None:
    put_people(registry, map(str, range(10)))
    assert put(registry).plan["topic"] == "财税金融"
    step(registry, "propose", "wang", expected=1)
    for author in ("li", "wang"):
        with pytest.raises(Forbidden):
            step(registry, "approve", author)
    kept = step(registry, "approve", "zhao", expected=2)
    assert (kept.approved_by, kept.authors, kept.issuer) == ("zhao", ("li", "wang"), "财政局")
    assert start(registry, expected=3).state == "scheduled"


def test_a_change_asks_for_approval_anew_and_who_made_it_does_not_approve(registry: Engine) -> None:
    approved(registry)
    kept = put(registry, 3, "sun", title="另一个标题")
    assert (kept.state, kept.approved_by, kept.authors) == ("draft", "", ("li", "sun"))
    step(registry, "propose", "li")
    with pytest.raises(Forbidden):
        step(registry, "approve", "sun")


def test_what_is_being_sent_is_not_changed(registry: Engine) -> None:
    put_people(registry, map(str, range(10)))
    approved(registry)
    start(registry)
    step(registry, "begin", "civicrec")
    with pytest.raises(Conflict, match="stop it and put a new one"):
        put(registry, 5, holdout_share=0.5)
    assert campaign(registry, "c1").plan["holdout_share"] == 0.0


@pytest.mark.parametrize(("n", "is_refused"), [(9, True), (10, False)])
def test_nothing_is_started_for_fewer_than_ten(registry: Engine, n: int, is_refused: bool) -> None:
    put_people(registry, map(str, range(n)))
    approved(registry)
    if is_refused:
        with pytest.raises(Conflict, match="少于 10 人"):
            start(registry)
        assert campaign(registry, "c1").state == "approved"
    else:
        assert start(registry).state == "scheduled"


def test_nothing_is_started_whose_items_may_not_be_sent_or_whose_window_is_over(registry: Engine) -> None:
    put_people(registry, map(str, range(10)))
    approved(registry)
    late = NOW + timedelta(days=11)
    with pytest.raises(Conflict, match="its window ended"):
        start_campaign(people_of(registry), "c1", None, PushSettings(), who="zhao", why="", now=late)
    set_status(registry, ["loan"], "withdrawn", who="li", why="", now=NOW)
    with pytest.raises(Conflict, match="none of its items may be sent now"):
        start(registry)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"item_id": "all"}, "states no condition and is for everybody"),
        ({"item_id": "some", "person_groups": ["残疾人"]}, "残疾人 is sensitive"),
        (
            {"item_id": "age", "conditions": [{"rule": {"attribute": "age", "at_most": 16}, "quote": "未满十六周岁"}]},
            "未满十六周岁: age at most 16 tells of minors",
        ),
    ],
)
def test_items_for_everybody_or_of_sensitive_conditions_find_no_audience(
    registry: Engine, item: dict[str, Any], words: str
) -> None:
    row = {"item_type": "policy", "title": "通知"} | item
    put_items(registry, item_from(row))
    with pytest.raises(InvalidInput, match=words):
        put(registry, items=[item["item_id"]])
    rule = {"attribute": "scale", "one_of": ["小型企业"]}
    assert put(registry, items=[item["item_id"]], audience={"rule": rule}).state == "draft"


def test_an_item_that_is_not_there_is_named(registry: Engine) -> None:
    with pytest.raises(InvalidInput, match="'gone' is not in the catalogue"):
        put(registry, items=["loan", "gone"])


def test_a_look_ahead_tells_whom_it_reaches_and_why_not_the_others(registry: Engine) -> None:
    everybody = put_people(registry, map(str, range(120)))
    put_people(registry, (f"other{n}" for n in range(15)), {"audience": "自然人"})
    put_people(registry, (f"silent{n}" for n in range(11)), agree=False)
    for subject in everybody[:12]:
        switch(registry, subject, on=False, now=NOW)
    for subject in everybody[12:25]:
        consent(registry, subject, is_given=False, now=NOW + timedelta(minutes=1))
    for subject in everybody[25:39]:
        subscribe(registry, subject, "", "财税金融", is_on=False, now=NOW)
    rows = [
        Delivery(f"k{n}-{subject}", f"old{n}", 1, subject, "inbox") for subject in everybody[39:55] for n in range(3)
    ]
    enlist(registry, rows, "waiting", NOW - timedelta(days=1))
    settle(registry, [Outcome(row.key, "delivered") for row in rows], NOW - timedelta(days=1))
    plan = plan_from(a_plan() | {"topic": "财税金融"})
    shown = preview_campaign(people_of(registry), plan, 0.0, NOW)
    assert shown.reached == 120 - 55
    assert shown.left_out == dict.fromkeys(LEFT_OUT, 0) | {
        "ineligible": 15, "no_consent": 11 + 13, "switched_off": 12, "unsubscribed": 14, "capped": 16
    }  # fmt: skip


def test_consent_of_another_site_or_to_a_notice_that_told_less_is_none(registry: Engine) -> None:
    put_people(registry, map(str, range(30)))
    people = people_of(registry)
    assert preview_campaign(people, plan_from(a_plan()), 0.0, NOW).reached == 30
    other = preview_campaign(people, plan_from(a_plan(site="other")), 0.0, NOW)
    assert (other.reached, other.left_out["no_consent"]) == (0, 30)
    people.notice = replace(people.notice, covers=people.notice.covers | {"push"}, purposes=("personalise", "push"))
    assert preview_campaign(people, plan_from(a_plan()), 0.0, NOW).left_out["no_consent"] == 30


def test_a_reminder_goes_to_who_started_and_did_not_submit(registry: Engine) -> None:
    subjects = put_people(registry, map(str, range(30)))
    plan = plan_from(a_plan(audience={"started": True}))
    shown = preview_campaign(people_of(registry, subjects[:11]), plan, 0.0, NOW)
    assert (shown.reached, shown.left_out["ineligible"]) == (11, 0)


def test_a_firm_whose_word_is_not_known_is_no_recipient(registry: Engine) -> None:
    put_people(registry, map(str, range(10)), FIRM)
    put_people(registry, (f"half{n}" for n in range(10)), {"scale": "小型企业"})
    put_items(registry, an_item("x"))
    assert preview_campaign(people_of(registry), plan_from(a_plan()), 0.0, NOW).left_out["ineligible"] == 10


def test_a_campaign_of_the_webhook_is_not_started_without_a_gateway(registry: Engine) -> None:
    put_people(registry, map(str, range(10)))
    approved(registry, channels=["inbox", "webhook"])
    with pytest.raises(InvalidInput, match="CIVICREC_PUSH__WEBHOOK_URL"):
        start(registry)


def test_a_segment_may_be_an_audience_if_nothing_sensitive_divides_it(registry: Engine) -> None:
    def put_rule(rule: dict[str, Any]) -> None:
        draft = Draft("seg", "常看财税的企业", "", "li", rule, "")
        put_segment(registry, draft, who="li", why="", now=NOW)

    with pytest.raises(NotFound):
        put(registry, audience={"segment": "seg"})
    put_rule({"all": [SEEN, {"attribute": "groups", "one_of": ["残疾人"]}]})
    with pytest.raises(InvalidInput, match=r"audience.segment seg: groups 残疾人 is sensitive"):
        put(registry, audience={"segment": "seg"})
    put_rule(SEEN)
    kept = put(registry, audience={"segment": "seg", "of_items": True})
    subjects = put_people(registry, map(str, range(30)))
    people = people_of(registry)
    people.members = lambda name: iter(subjects[:12] if name == "seg" else ())
    shown = preview_campaign(people, plan_from(kept.plan), 0.0, NOW)
    assert (shown.reached, shown.left_out["ineligible"]) == (12, 0)
