"""Which events made a tag: the parts sum to what the night gave."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from civicrec.registry.audit import audit_rows
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from operations.cli import app
from operations.nightly import run_nightly
from tests.operations.nights import DAY, an_event, at, fill_catalogue, store_events

TAG = "theme:就业创业"


@pytest.fixture(autouse=True)
def a_night(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a person tags by clicks of several days, some of which count for nothing."""
    fill_catalogue(settings)
    clicks = [
        (1, 0, "i1"),
        (2, 1, "i1"),
        (3, 20, "i3"),
        (4, 2, "i2"),
        (5, 300, "i5"),
    ]  # i2 lacks the tag, i5 is too old
    events = [an_event(n, at(DAY - timedelta(days=days)), item_id=item) for n, days, item in clicks]
    events += [an_event(100 + n, at(), item_id="i7") for n in range(9)]  # by one hand
    events += [an_event(50, at(), item_id="i9", consent="measure"), an_event(51, at(), actor="a2", item_id="i9")]
    store_events(settings, events)
    run_nightly(settings, DAY, "tags")
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: settings)


def test_the_parts_are_the_tag(settings: Settings) -> None:
    done = CliRunner().invoke(app, ["profile", "explain", "a1", TAG])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [(one["item_id"], len(one["events"])) for one in told["items"]] == [("i7", 9), ("i1", 2), ("i3", 1)]
    assert told["weight"] == pytest.approx(sum(one["weight"] for one in told["items"]), rel=1e-9)
    assert told["evidence"] == len(told["items"])
    assert (told["items"][0]["weight"], told["items"][1]["title"]) == (5.0, "第1项")
    assert told["items"][2]["events"][0]["at"] == "2026-03-11T04:00:00.000Z"


@pytest.mark.parametrize(
    ("actor", "tag", "says"), [("a1", "theme:住房保障", "no tag"), ("a1", "theme:x", "unknown tag")]
)
def test_what_nobody_has_cannot_be_explained(settings: Settings, actor: str, tag: str, says: str) -> None:
    done = CliRunner().invoke(app, ["profile", "explain", actor, tag])
    assert done.exit_code != 0
    assert says in done.output + str(done.exception)


def test_who_looks_at_a_person_is_recorded(settings: Settings) -> None:
    for words in (["explain", "a1", TAG, "--who", "li", "--why", "投诉"], ["show", "a1"]):
        assert CliRunner().invoke(app, ["profile", *words]).exit_code == 0
    with registry_at(settings.registry_address) as registry:
        shown, explained = audit_rows(registry, object_id=load_keys(settings).audit_name("a1"))
    assert (shown.who, shown.action) == ("operator", "profile_shown")
    assert (explained.who, explained.action, explained.facts) == ("li", "profile_explained", {"why": "投诉"})
