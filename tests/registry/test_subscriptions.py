"""What people decided about pushes, against a plain reading; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from civicrec.errors import InvalidInput
from civicrec.registry import subscriptions as module
from civicrec.registry.subscriptions import subscribe, subscriptions_of, wanting

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
ME, OTHER = "0" * 32, "1" * 32


def say(registry: Engine, channel: str, topic: str, is_on: bool) -> None:
    subscribe(registry, ME, channel, topic, is_on=is_on, now=NOW)


def test_the_inbox_is_on_by_itself_and_other_channels_are_not(registry: Engine) -> None:
    assert wanting(registry, [ME, OTHER], "inbox", "财税金融") == {ME, OTHER}
    assert wanting(registry, [ME, OTHER], "webhook", "财税金融") == frozenset()
    say(registry, "webhook", "", is_on=True)
    assert wanting(registry, [ME, OTHER], "webhook", "财税金融") == {ME}


@pytest.mark.parametrize(
    ("channel", "topic", "inbox", "webhook"),
    [
        ("inbox", "", set(), {"a", "b"}),
        ("webhook", "", {"a", "b"}, set()),
        ("", "a", {"b"}, {"b"}),
        ("inbox", "a", {"b"}, {"a", "b"}),
        ("", "", set(), set()),
    ],
)
def test_one_decision_ends_a_channel_a_topic_or_both(
    registry: Engine, channel: str, topic: str, inbox: set[str], webhook: set[str]
) -> None:
    say(registry, "webhook", "", is_on=True)
    say(registry, channel, topic, is_on=False)
    for name, topics in (("inbox", inbox), ("webhook", webhook)):
        assert {one for one in ("a", "b") if wanting(registry, [ME], name, one)} == topics


def test_a_later_decision_takes_the_place_of_an_earlier_one(registry: Engine) -> None:
    say(registry, "inbox", "", is_on=False)
    say(registry, "inbox", "", is_on=True)
    assert [(one.channel, one.is_on, one.since) for one in subscriptions_of(registry, ME)] == [("inbox", True, NOW)]
    assert wanting(registry, [ME], "inbox", "a") == {ME}


def test_decisions_are_bounded_and_a_whole_channel_can_always_be_left(
    registry: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_DECISIONS", 1)
    say(registry, "", "a", is_on=False)
    with pytest.raises(InvalidInput, match="switch a channel off"):
        say(registry, "", "b", is_on=False)
    say(registry, "inbox", "", is_on=False)
    assert wanting(registry, [ME], "inbox", "b") == frozenset()
