"""What people decided about their own recommendations, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from civicrec.clock import to_ms
from civicrec.errors import InvalidInput
from civicrec.registry import choices as module
from civicrec.registry.choices import (
    ActorChoices,
    Choices,
    choices,
    choices_of,
    choices_version,
    choose_tag,
    delete_tag,
    switch,
)

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ME, OTHER = "0" * 32, "1" * 32


def test_the_switch_holds_for_one_person_and_says_since_when(registry: Engine) -> None:
    assert choices(registry) == Choices()
    switch(registry, ME, on=True, now=NOW)
    assert choices_of(registry, ME) == ActorChoices()
    for at in (NOW, LATER):  # said twice
        switch(registry, ME, on=False, now=at)
    assert choices_of(registry, ME) == ActorChoices(off_since=NOW)
    assert choices_of(registry, OTHER) == ActorChoices()
    assert choices(registry) == Choices(off=frozenset({ME}))
    switch(registry, ME, on=True, now=LATER)
    assert (choices(registry), choices_of(registry, ME)) == (Choices(), ActorChoices())


def test_a_tag_is_chosen_or_deleted_and_what_was_said_last_holds(registry: Engine) -> None:
    delete_tag(registry, ME, "theme:住房", NOW)
    delete_tag(registry, ME, "theme:住房", LATER)
    choose_tag(registry, ME, "theme:教育", NOW)
    choose_tag(registry, OTHER, "theme:住房", NOW)
    assert choices(registry) == Choices(
        deleted=frozenset({(ME, "theme:住房")}),
        chosen=dict.fromkeys([(ME, "theme:教育"), (OTHER, "theme:住房")], to_ms(NOW)),
    )
    choose_tag(registry, ME, "theme:住房", LATER)
    delete_tag(registry, ME, "theme:教育", LATER)
    assert choices_of(registry, ME) == ActorChoices(deleted={"theme:教育": LATER}, chosen={"theme:住房": LATER})


def test_every_change_is_seen_by_a_number_that_grows(registry: Engine) -> None:
    versions = [choices_version(registry)]
    for change in (
        lambda: switch(registry, ME, on=False, now=NOW),
        lambda: switch(registry, ME, on=True, now=NOW),
        lambda: delete_tag(registry, ME, "theme:住房", NOW),
        lambda: choose_tag(registry, ME, "theme:住房", NOW),
    ):
        change()
        versions.append(choices_version(registry))
    assert versions == sorted(set(versions))


def test_one_person_cannot_fill_the_registry(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TAGS", 2)
    for tag in ("theme:a", "theme:b", "theme:b"):
        choose_tag(registry, ME, tag, NOW)
    before = choices(registry)
    with pytest.raises(InvalidInput, match="2 tags are named already"):
        choose_tag(registry, ME, "theme:c", NOW)
    assert choices(registry) == before
