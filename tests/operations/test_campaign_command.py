"""``civicrec campaign``: from a file over approval to the start, as owners do it in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from civicrec.clock import rfc3339, utc_now
from civicrec.errors import CivicrecError
from civicrec.registry.attributes import change
from civicrec.registry.audit import audit_rows
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.consents import enter
from civicrec.registry.notice import Entry, notice_of
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.settings.consent import ConsentSettings
from civicrec.settings.push import PushSettings
from operations.cli import app
from profiles.rights.attributes import decision, seal_of
from tests.item_builders import an_item

FIRM = {"audience": "企业法人", "scale": "小型企业"}


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(home=tmp_path, consent=ConsentSettings(notice_version="2026-1"), push=PushSettings(holdout_share=0))
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: made)
    return made


@pytest.fixture
def registry(own_home: Settings) -> Iterator[Engine]:
    keys, now, notice = load_keys(own_home), utc_now(), notice_of(own_home)
    with registry_at(own_home.registry_address) as opened:
        fields = {"audiences": ("企业法人",), "enterprise_scales": ("小型企业",), "theme": ("财税金融",)}
        upsert_items(opened, [an_item("loan", item_type="policy", **fields)])
        for n in range(12):
            subject = keys.subject_id("demo", str(n))
            change(opened, subject, decision(FIRM, subject, seal_of(keys), now), now)
            answer = Entry(subject, "demo", "personalise", True, "2026-1", notice.covers, "web", now)
            enter(opened, answer, notice, audit_name=keys.audit_name(subject))
        yield opened


def plan_file(folder: Path, **fields: Any) -> str:
    plan = {
        "campaign_id": "c1", "site": "demo", "title": "贷款贴息开始申报", "items": ["loan"],
        "audience": {"of_items": True}, "channels": ["inbox"], "holdout_share": 0,
        "ends": rfc3339(utc_now() + timedelta(days=5)),
    }  # fmt: skip
    file = folder / "plan.json"
    file.write_text(json.dumps(plan | fields, ensure_ascii=False), encoding="utf-8")
    return str(file)


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["campaign", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_two_people_bring_a_campaign_to_its_start(own_home: Settings, registry: Engine, tmp_path: Path) -> None:
    assert "c1\tdraft\tversion 1\t贷款贴息开始申报\tli\t-" in run("put", plan_file(tmp_path), "--who", "li")
    assert json.loads(run("preview", "c1"))["reached"] == 12
    run("propose", "c1", "--version", "1", "--who", "li")
    with pytest.raises(CivicrecError, match="second person"):
        run("approve", "c1", "--who", "li")
    run("approve", "c1", "--who", "zhao")
    assert "c1\tscheduled\tversion 4" in run("start", "c1", "--who", "zhao")
    [listed] = run("list", "--json", "--state", "scheduled").splitlines()
    assert json.loads(listed)["approved_by"] == "zhao"
    shown = json.loads(run("show", "c1"))
    assert [(one["action"], one["who"]) for one in shown["versions"]] == [
        ("put", "li"), ("propose", "li"), ("approve", "zhao"), ("start", "zhao")
    ]  # fmt: skip
    assert json.loads(run("status", "c1", "--json")) == {
        "campaign_id": "c1", "state": "scheduled", "version": 4, "messages": []
    }  # fmt: skip
    assert "c1\tstopped" in run("stop", "c1", "--why", "写错了")
    actions = [row.action for row in audit_rows(registry, object_id="c1")]
    assert actions == [f"campaign_{one}" for one in ("stop", "start", "approve", "propose", "previewed", "put")]


def test_two_owners_at_once_lose_nothing(own_home: Settings, registry: Engine, tmp_path: Path) -> None:
    run("put", plan_file(tmp_path), "--version", "0", "--who", "li")
    run("put", plan_file(tmp_path, title="新标题"), "--version", "1", "--who", "wang")
    with pytest.raises(CivicrecError, match=r"version 2, you looked at 1, wang did it \(put\)"):
        run("put", plan_file(tmp_path, title="旧标题"), "--version", "1", "--who", "li")
    assert json.loads(run("show", "c1"))["plan"]["title"] == "新标题"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "c9"), "no campaign 'c9'"),
        (("list", "--state", "sleeping"), "expected one of draft"),
        (("put", "/nowhere/plan.json"), "cannot be read as JSON"),
        (("stop", "c1", "--why", " "), "--why is blank"),
    ],
)
def test_what_cannot_be_done_is_said(
    own_home: Settings, registry: Engine, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CivicrecError, match=message):
        run(*words)
