"""``civicrec match``: what fits a portal user, and how many users one policy fits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from civicrec.clock import utc_now
from civicrec.registry.attributes import change
from civicrec.registry.audit import audit_rows
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from operations.cli import app
from profiles.rights.attributes import decision, seal_of
from tests.item_builders import an_item

FIRM = {"audience": "企业法人", "scale": "小型企业"}


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(home=tmp_path)
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: made)
    return made


@pytest.fixture
def registry(own_home: Settings) -> Iterator[Engine]:
    with registry_at(own_home.registry_address) as opened:
        items = [
            an_item("small", item_type="policy", audiences=("企业法人",), enterprise_scales=("小型企业",)),
            an_item("people", item_type="policy", audiences=("自然人",)),
        ]
        upsert_items(opened, items)
        yield opened


def say(settings: Settings, registry: Engine, user: str, said: dict[str, Any]) -> None:
    keys, now = load_keys(settings), utc_now()
    subject = keys.subject_id("demo", user)
    change(registry, subject, decision(said, subject, seal_of(keys), now), now)


def run(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["match", *words])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_fits_a_user_is_told_and_that_somebody_looked_is_recorded(own_home: Settings, registry: Engine) -> None:
    assert run("demo", "wang")["fits"]["n"] == 0
    say(own_home, registry, "wang", FIRM)
    told = run("demo", "wang", "--who", "li", "--why", "窗口咨询")
    assert [one["item_id"] for one in told["fits"]["items"]] == ["small"]
    assert told["does_not_fit"]["items"][0]["clauses"] == ["服务对象：自然人"]
    assert "以主管部门认定为准" in told["notice"]
    keys = load_keys(own_home)
    rows = audit_rows(registry, object_id=keys.audit_name(keys.subject_id("demo", "wang")))
    assert [(row.who, row.action, row.facts) for row in rows] == [
        ("li", "matched", {"why": "窗口咨询"}), ("operator", "matched", {"why": ""})
    ]  # fmt: skip


def test_a_policy_tells_how_many_it_fits_and_nothing_of_fewer_than_ten(own_home: Settings, registry: Engine) -> None:
    for n in range(9):
        say(own_home, registry, f"firm{n}", FIRM)
        say(own_home, registry, f"person{n}", {"audience": "自然人"})
    say(own_home, registry, "person9", {"audience": "自然人"})
    counted = run("--item", "small")
    assert {name: counted[name] for name in ("fits", "does_not_fit", "not_known")} == {
        "fits": None, "does_not_fit": 10, "not_known": None
    }  # fmt: skip
    say(own_home, registry, "firm9", FIRM)
    assert run("--item", "small", "--who", "li")["fits"] == 10
    assert audit_rows(registry, action="fitting_counted")[0].who == "li"


@pytest.mark.parametrize(
    "words",
    [[], ["demo"], ["demo", "wang", "--item", "small"], ["demo", "--item", "small"], ["--item", "no-such"],
     ["demo", "wang", "--types", "book"]],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_and_not_recorded(registry: Engine, words: list[str]) -> None:
    before = len(audit_rows(registry))
    assert CliRunner().invoke(app, ["match", *words]).exit_code != 0
    assert len(audit_rows(registry)) == before
