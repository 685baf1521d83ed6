"""What proposes a campaign by itself, and what does not; nothing does it twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from civicrec.items import Item
from civicrec.registry.campaigns import campaign, campaigns_of
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from recommender.push.actions import put_campaign, step_campaign
from recommender.push.plan import plan_from
from recommender.push.proposals import Proposer
from recommender.push.states import PROPOSER
from tests.item_builders import an_item
from tests.recommender.push.campaigns import NOW, consent, people_of, put_items

FIRMS: dict[str, Any] = {"item_type": "policy", "audiences": ("企业法人",), "issuer": "财政局"}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Engine]:
    with registry_at(f"sqlite:///{tmp_path}/registry.sqlite") as opened:
        consent(opened, "0" * 32)
        put_items(opened)
        assert Proposer(people_of(opened)).follow(NOW) == []  # what is there at the first look is not new
        yield opened


def follow(registry: Engine, *items: Item) -> list[str]:
    if items:
        upsert_items(registry, items, now=NOW)
    return Proposer(people_of(registry)).follow(NOW)


def test_a_new_policy_proposes_a_campaign_to_whom_it_fits_once(registry: Engine) -> None:
    [name] = follow(registry, an_item("new", title="稳岗补贴", apply_until=NOW + timedelta(days=9), **FIRMS))
    kept = campaign(registry, name)
    plan = plan_from(kept.plan)
    assert (kept.state, kept.authors, kept.issuer) == ("draft", (PROPOSER,), "财政局")
    assert (plan.title, plan.items, plan.audience.of_items, plan.site) == ("稳岗补贴", ("new",), True, "demo")
    assert (plan.channels, plan.ends) == (("inbox",), NOW + timedelta(days=9))
    assert follow(registry) == []
    assert follow(registry, an_item("new", title="另一个标题", apply_until=NOW + timedelta(days=9), **FIRMS)) == []
    step_campaign(registry, name, "propose", 1, who="li", why="", now=NOW)
    assert step_campaign(registry, name, "approve", 2, who="zhao", why="", now=NOW).state == "approved"


def test_other_conditions_or_another_closing_date_propose_anew_and_end_the_draft_before(registry: Engine) -> None:
    [first] = follow(registry, an_item("new", **FIRMS))
    [second] = follow(registry, an_item("new", **FIRMS | {"enterprise_scales": ("小型企业",)}))
    assert [campaign(registry, one).state for one in (first, second)] == ["stopped", "draft"]
    put_campaign(registry, campaign(registry, second).plan, 1, who="li", why="", now=NOW)  # somebody works on it
    [third] = follow(registry, an_item("new", **FIRMS | {"apply_until": NOW + timedelta(days=2)}))
    assert [campaign(registry, one).state for one in (second, third)] == ["draft", "draft"]


@pytest.mark.parametrize(
    "fields",
    [
        {"item_type": "policy"},  # for everybody
        FIRMS | {"item_type": "news"},
        FIRMS | {"status": "draft"},
        FIRMS | {"apply_until": NOW},
        FIRMS | {"published_at": NOW - timedelta(days=31)},  # imported late, and not new
        FIRMS | {"valid_from": NOW + timedelta(days=1)},
        {"item_type": "policy", "person_groups": ("残疾人",)},
    ],
)
def test_what_is_for_everybody_closed_hidden_or_sensitive_proposes_nothing(
    registry: Engine, fields: dict[str, Any]
) -> None:
    assert follow(registry, an_item("new", **fields)) == []
    assert campaigns_of(registry) == []


def test_of_many_changes_none_is_passed_over_or_proposed_twice(
    registry: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.push.proposals._AT_ONCE", 3)
    for n in range(4):
        upsert_items(registry, [an_item(f"new-{n}-{k}", **FIRMS) for k in range(n + 2)], now=NOW)
    assert len(follow(registry)) == 2 + 3 + 4 + 5
    assert follow(registry) == []
    assert len(follow(registry, an_item("last", **FIRMS))) == 1


def test_where_nobody_agreed_to_anything_nothing_is_proposed(tmp_path: Path) -> None:
    with registry_at(f"sqlite:///{tmp_path}/other.sqlite") as registry:
        Proposer(people_of(registry)).follow(NOW)
        assert follow(registry, an_item("new", **FIRMS)) == []


@pytest.mark.parametrize(
    ("days", "n_started", "is_proposed"), [(6, 10, True), (6, 9, False), (8, 10, False), (-1, 10, False)]
)
def test_what_closes_soon_proposes_a_reminder_once(
    registry: Engine, days: int, n_started: int, is_proposed: bool
) -> None:
    closes = NOW + timedelta(days=days)
    upsert_items(registry, [an_item("soon", title="稳岗补贴", apply_until=closes, **FIRMS)], now=NOW)
    proposer = Proposer(people_of(registry, map(str, range(n_started))))
    names = proposer.remind(NOW)
    assert len(names) == is_proposed
    assert proposer.remind(NOW) == []
    if is_proposed:
        plan = plan_from(campaign(registry, names[0]).plan)
        assert (plan.title, plan.audience.started, plan.audience.of_items) == ("申报即将截止：稳岗补贴", True, False)
        assert plan.ends == closes


def test_an_older_policy_that_was_proposed_is_proposed_again_when_it_changes(registry: Engine) -> None:
    [first] = follow(registry, an_item("new", **FIRMS))
    changed = an_item("new", **FIRMS | {"region_code": "440100", "published_at": NOW - timedelta(days=90)})
    [second] = follow(registry, changed)
    assert [campaign(registry, one).state for one in (first, second)] == ["stopped", "draft"]


def test_proposals_that_nobody_looks_at_do_not_pile_up(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.push.proposals.MOST_OPEN", 3)
    assert len(follow(registry, *(an_item(f"new-{n}", **FIRMS) for n in range(5)))) == 3
    assert follow(registry) == []
