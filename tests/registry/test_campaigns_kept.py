"""Campaigns as they are kept: versions, two owners at once, and what the audit log says; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine

from civicrec.errors import Conflict, InvalidInput, NotFound
from civicrec.registry import campaigns as module
from civicrec.registry.audit import audit_rows
from civicrec.registry.campaigns import (
    Done,
    KeptCampaign,
    campaign,
    campaigns_of,
    change_campaign,
    follow_to,
    followed_version,
    has_origin,
    mark_enlisted,
    plans_of,
    versions_of,
)

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
NEW = KeptCampaign("c1", 0, "draft", {"title": "贷款贴息"}, 0, ("li",), "", "item:loan", "财政局", NOW, NOW)


def put(registry: Engine, kept: KeptCampaign = NEW, expected: int | None = 0, who: str = "li") -> KeptCampaign:
    return change_campaign(registry, kept.campaign_id, expected, Done(who, "put", "开始申报", NOW), lambda _: kept)


def move(registry: Engine, state: str, expected: int | None) -> KeptCampaign:
    def decide(before: KeptCampaign | None) -> KeptCampaign:
        assert before is not None
        return replace(before, state=state)

    return change_campaign(registry, "c1", expected, Done("wang", "approve", "", NOW), decide)


def test_every_change_is_a_version_with_its_author_and_stands_in_the_audit_log(registry: Engine) -> None:
    put(registry)
    put(registry, replace(NEW, plan={"title": "another"}), expected=1)
    kept = move(registry, "approved", expected=2)
    assert kept == campaign(registry, "c1") == replace(
        NEW, version=3, put_in=2, state="approved", plan={"title": "another"}
    )  # fmt: skip
    assert [(one.version, one.who, one.action, one.plan["title"]) for one in versions_of(registry, "c1")] == [
        (1, "li", "put", "贷款贴息"), (2, "li", "put", "another"), (3, "wang", "approve", "another")
    ]  # fmt: skip
    [last, *_] = audit_rows(registry, object_id="c1")
    assert (last.who, last.action, last.facts) == (
        "wang", "campaign_approve", {"why": "", "version": 3, "state": "approved"}
    )  # fmt: skip
    assert plans_of(registry, {("c1", 2), ("c1", 9)}) == {("c1", 2): {"title": "another"}}


def test_who_looked_at_an_older_version_changes_nothing_and_is_told_who_was_faster(registry: Engine) -> None:
    put(registry)
    with pytest.raises(Conflict, match=r"has version 1, you looked at 0, li did it \(put\); look again"):
        put(registry, replace(NEW, plan={"title": "lost"}), expected=0, who="zhao")
    assert campaign(registry, "c1").plan == NEW.plan
    with pytest.raises(Conflict):
        put(registry, replace(NEW, campaign_id="c2"), expected=4)


def test_of_many_owners_at_once_one_wins(registry: Engine) -> None:
    put(registry)
    together = Barrier(4)

    def edit(n: int) -> bool:
        together.wait()
        try:
            put(registry, replace(NEW, plan={"title": str(n)}), expected=1)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(edit, range(4)))
    assert won.count(True) == 1
    assert campaign(registry, "c1").plan == {"title": str(won.index(True))}
    assert len(versions_of(registry, "c1")) == 2


def test_what_is_refused_leaves_everything_as_it_was(registry: Engine) -> None:
    put(registry)

    def refuse(_: object) -> KeptCampaign:
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        change_campaign(registry, "c1", 1, Done("li", "put", "", NOW), refuse)
    assert len(versions_of(registry, "c1")) == len(audit_rows(registry)) == 1


def test_campaigns_are_found_by_state_and_origin(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    put(registry)
    put(registry, replace(NEW, campaign_id="c2", state="done", origin=""))
    assert {one.campaign_id for one in campaigns_of(registry)} == {"c1", "c2"}
    assert [one.campaign_id for one in campaigns_of(registry, ["draft", "sending"])] == ["c1"]
    assert has_origin(registry, "item:loan")
    assert not has_origin(registry, "item:other")
    with pytest.raises(NotFound, match="no campaign 'c3'"):
        campaign(registry, "c3")
    monkeypatch.setattr(module, "MAX_CAMPAIGNS", 2)
    with pytest.raises(InvalidInput, match="2 campaigns are kept"):
        put(registry, replace(NEW, campaign_id="c3"))


def test_how_far_proposals_and_recipients_are_is_written_down(registry: Engine) -> None:
    assert followed_version(registry) == -1
    follow_to(registry, 12)
    assert followed_version(registry) == 12
    put(registry)
    mark_enlisted(registry, "c1", NOW + timedelta(hours=1))
    assert campaign(registry, "c1").enlisted_at == NOW + timedelta(hours=1)
