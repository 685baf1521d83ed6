"""Whom a portal must tell of a breach: its own users by the ids it names, others only by number."""

from __future__ import annotations

import csv
import io
import random
from datetime import date, timedelta

import pytest
from typer.testing import CliRunner, Result

from civicrec.registry.audit import audit_rows
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from operations.cli import app
from tests.operations.nights import DAY, an_event, at, store_events

SITE = "demo"
USERS = ("wang", "li", "=cmd()", "zhao")
FIRST = DAY - timedelta(days=4)


def ask(settings: Settings, users: str, *given: str) -> Result:
    days = ("--from", str(FIRST), "--until", str(DAY))
    return CliRunner().invoke(app, ["subject", "concerned", SITE, *(given or days)], input=users)


@pytest.fixture
def events(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, date, bool]]:
    """(user, site, day, whether it is a search) of 400 events, `""` for a visitor without login."""
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: settings)
    keys, chance = load_keys(settings), random.Random(3)
    made = [
        (chance.choice((*USERS, "")), chance.choice((SITE, SITE, "other")),
         DAY - timedelta(days=chance.randrange(10)), chance.random() < 0.2)
        for _ in range(400)
    ]  # fmt: skip
    rows = [
        an_event(
            n, at(day), site=site, subject_id=keys.subject_id(site, user) if user else "", anonymous_id=f"v{n % 7}",
            query="公积金" if is_search else "",
        )
        for n, (user, site, day, is_search) in enumerate(made, 1)
    ]  # fmt: skip
    store_events(settings, rows)
    store_events(settings, rows[:50])  # the same again, as after a crash
    return made


def test_the_portals_users_are_found_by_the_ids_it_names(
    settings: Settings, events: list[tuple[str, str, date, bool]]
) -> None:
    done = ask(settings, "nobody\n wang \n=cmd()\n\nwang\n")
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["user"] for row in rows] == ["wang", "'=cmd()"]
    for row, user in zip(rows, ("wang", "=cmd()"), strict=True):
        mine = [
            (day, is_search) for who, site, day, is_search in events if (who, site) == (user, SITE) and day >= FIRST
        ]
        days = [day for day, _ in mine]
        assert (int(row["events"]), int(row["searches"])) == (len(mine), sum(is_search for _, is_search in mine))
        assert (row["first_day"], row["last_day"]) == (str(min(days)), str(max(days)))
    unnamed = {
        f"v{n % 7}" for n, (who, site, day, _) in enumerate(events, 1) if (who, site) == ("", SITE) and day >= FIRST
    }
    assert "2 more people are known by pseudonym only" in done.stderr
    assert f"{len(unnamed)} visitors without login" in done.stderr


def test_that_it_was_asked_is_in_the_audit_log(settings: Settings, events: object) -> None:
    ask(settings, "wang\n", "--from", "2026-01-01", "--until", "2026-01-02", "--who", "li", "--why", "泄露")
    with registry_at(settings.registry_address) as registry:
        (row,) = audit_rows(registry, action="breach_listed")
    assert (row.who, row.object_id) == ("li", f"site:{SITE}")
    assert row.facts == {"why": "泄露", "first": "2026-01-01", "last": "2026-01-02"}


def test_days_in_the_wrong_order_are_said(settings: Settings, events: object) -> None:
    done = ask(settings, "", "--from", "2026-02-01", "--until", "2026-01-01")
    assert done.exit_code != 0
    assert "expected the first day before the last" in str(done.exception)
