"""Editorial rules in the registry and at the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner, Result

from civicrec.editorial import Rule
from civicrec.errors import InvalidInput, NotFound
from civicrec.registry.catalogue import catalogue_version, upsert_items
from civicrec.registry.editorial import EXPIRED_DAYS, add_rule, remove_rule, rules
from civicrec.registry.tables import audit
from operations.cli import app
from tests.item_builders import an_item

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
ENDS = datetime.fromisoformat("2026-03-12T08:00:00+08:00")


def test_a_rule_comes_back_as_it_was_kept_and_each_change_raises_the_version(registry: Engine) -> None:
    upsert_items(registry, [an_item("a")])
    before = catalogue_version(registry)
    rule = Rule("pin", "a", "home", 3, begins=NOW, ends=ENDS, text="重点", who="wang", why="年度重点工作")
    kept = add_rule(registry, rule, NOW)
    assert catalogue_version(registry) == before + 1 == kept.number
    assert rules(registry) == [kept]
    assert (kept.text, kept.ends, kept.made_at) == ("重点", ENDS, NOW)
    second = add_rule(registry, Rule("boost", "a", factor=2.5, who="li", why="x"), NOW)
    assert remove_rule(registry, kept.number, who="li", why="过时", now=NOW) == kept
    assert rules(registry) == [second]
    assert catalogue_version(registry) == before + 3
    with registry.connect() as connection:
        rows = connection.execute(select(audit.c.who, audit.c.action, audit.c.object_id, audit.c.facts)).all()[1:]
    assert [tuple(row[:3]) for row in rows] == [
        ("wang", "editorial_pin", "a"), ("li", "editorial_boost", "a"), ("li", "editorial_removed", "a")
    ]  # fmt: skip
    assert rows[0].facts["why"] == "年度重点工作"
    assert (rows[0].facts["rule"], rows[0].facts["position"], rows[2].facts["why"]) == (kept.number, 3, "过时")


@pytest.mark.parametrize(
    "rule",
    [
        Rule("pin", "a", why=" \u3000"),
        Rule("pin", "a", position=-1, why="x"),
        Rule("pin", "a", position=100, why="x"),
        Rule("boost", "a", factor=1.0, why="x"),
        Rule("boost", "a", factor=float("nan"), why="x"),
        Rule("boost", "a", factor=10.1, why="x"),
        Rule("block", "a", ends=NOW, why="x"),
        Rule("block", "a", begins=ENDS, ends=NOW + timedelta(hours=1), why="x"),
        Rule("pin", "a", text="二" * 41, why="x"),
        Rule("pin", "a", text="x\ny", why="x"),
        Rule("hide", "a", why="x"),  # type: ignore[arg-type]
    ],
)
def test_a_rule_that_could_not_act_is_refused_and_changes_nothing(registry: Engine, rule: Rule) -> None:
    upsert_items(registry, [an_item("a")])
    before = catalogue_version(registry)
    with pytest.raises(InvalidInput, match="expected"):
        add_rule(registry, rule, NOW)
    assert (rules(registry), catalogue_version(registry)) == ([], before)


def test_an_unknown_item_or_rule_is_named(registry: Engine) -> None:
    with pytest.raises(NotFound, match="no item 'a'"):
        add_rule(registry, Rule("pin", "a", why="x"), NOW)
    with pytest.raises(NotFound, match="no rule 5"):
        remove_rule(registry, 5, who="x", why="x", now=NOW)
    assert catalogue_version(registry) == 0


def test_a_rule_that_is_over_is_listed_as_expired_for_some_time(registry: Engine) -> None:
    upsert_items(registry, [an_item("a")])
    kept = add_rule(registry, Rule("block", "a", ends=ENDS, why="x"), NOW)
    assert [kept.state(at) for at in (NOW, ENDS)] == ["acting", "expired"]
    add_rule(registry, Rule("block", "a", why="x"), ENDS + timedelta(days=EXPIRED_DAYS))
    assert kept in rules(registry)
    add_rule(registry, Rule("block", "a", why="x"), ENDS + timedelta(days=EXPIRED_DAYS, seconds=1))
    assert kept not in rules(registry)


def editorial(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["editorial", *words, "--home", str(home)])


def test_the_commands(tmp_path: Path) -> None:
    CliRunner().invoke(
        app, ["catalog", "import", "-", "--home", str(tmp_path)],
        input='{"item_id": "a", "item_type": "news", "title": "甲"}\n',
    )  # fmt: skip
    pinned = editorial(
        tmp_path, "pin", "a", "--position", "2", "--scene", "home", "--until", "2096-03-01", "--why", "重点"
    )
    assert pinned.stdout == "2\tacting\tpin 2\ta\thome\t2096-03-01T16:00:00.000Z\toperator\t重点\n"
    blocked = editorial(tmp_path, "block", "a", "--scene", "related", "--from", "2096-01-01 08:00", "--why", "x")
    assert blocked.stdout == "3\twaiting\tblock\ta\trelated\t-\toperator\tx\n"
    assert editorial(tmp_path, "boost", "a", "--factor", "1.5", "--why", "x").exit_code == 0
    listed = [json.loads(line) for line in editorial(tmp_path, "list", "--json").stdout.splitlines()]
    assert [(one["number"], one["kind"], one["state"]) for one in listed] == [
        (2, "pin", "acting"), (3, "block", "waiting"), (4, "boost", "acting")
    ]  # fmt: skip
    assert editorial(tmp_path, "list", "--state", "waiting").stdout == blocked.stdout
    assert editorial(tmp_path, "remove", "2", "--why", "过时").stdout == pinned.stdout
    for words in (
        ("pin", "a", "--scene", "nowhere", "--why", "x"),
        ("pin", "a", "--scene", "related", "--why", "x"),
        ("pin", "a", "--until", "soon", "--why", "x"),
        ("remove", "3", "--why", " "),
        ("list", "--state", "gone"),
    ):
        assert isinstance(editorial(tmp_path, *words).exception, InvalidInput), words
