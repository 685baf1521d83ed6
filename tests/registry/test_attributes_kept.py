"""Attributes as they are kept: values of a person one after the other, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from civicrec.errors import InvalidInput
from civicrec.registry import attributes as module
from civicrec.registry.attributes import Kept, change, count, drop_past, everybody, forget, holders, kept_of
from civicrec.registry.audit import Act, audit_rows

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ME, OTHER = "0" * 32, "1" * 32
AGE = Kept("age", b"\x00sealed\xff", "declared", NOW, NOW + timedelta(days=366))
REGION = Kept("region", b"r", "imported", NOW, NOW + timedelta(days=2), "惠企政策匹配", "440100-0123", None)


def keep(registry: Engine, *rows: Kept, subject: str = ME, ended: tuple[str, ...] = (), now: datetime = NOW) -> None:
    change(registry, subject, lambda _: (rows, ended), now)


def test_what_is_kept_comes_back_as_it_was_given(registry: Engine) -> None:
    sensitive = Kept("groups", b"g", "declared", NOW, LATER, consent_at=NOW)
    keep(registry, AGE, REGION, sensitive)
    assert kept_of(registry, ME) == [AGE, REGION, sensitive]
    assert kept_of(registry, OTHER) == []


def test_a_new_value_ends_the_one_before_which_stays_as_history(registry: Engine) -> None:
    keep(registry, AGE, REGION)
    new = replace(AGE, sealed=b"new", said_at=LATER)
    keep(registry, new, now=LATER)
    assert kept_of(registry, ME) == [replace(AGE, ended_at=LATER), REGION, new]
    keep(registry, ended=("age", "region"), now=LATER)
    assert [row.holds(LATER) for row in kept_of(registry, ME)] == [False] * 3
    assert kept_of(registry, ME)[0].ended_at == LATER  # ended once, ended for good


def test_a_value_holds_until_its_time_is_over_or_it_ended() -> None:
    row = replace(AGE, valid_until=LATER)
    assert (row.holds(NOW), row.holds(LATER - timedelta(microseconds=1)), row.holds(LATER)) == (True, True, False)
    assert not replace(row, ended_at=NOW).holds(NOW)


def test_what_is_refused_leaves_everything_as_it_was(registry: Engine) -> None:
    keep(registry, AGE)

    def refuse(rows: object) -> tuple[list[Kept], list[str]]:
        assert rows == [AGE]
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        change(registry, ME, refuse, LATER, [Act(LATER, "site:gz", "attributes_imported", "person:1")])
    assert (kept_of(registry, ME), audit_rows(registry)) == ([AGE], [])


def test_a_change_and_what_the_audit_says_of_it_are_one(registry: Engine) -> None:
    act = Act(NOW, "site:gz", "attributes_imported", "person:1", {"purpose": "惠企政策匹配"})
    change(registry, ME, lambda _: ([REGION], []), NOW, [act])
    [row] = audit_rows(registry)
    assert (row.who, row.action, row.object_id, row.facts) == (act.who, act.action, act.object_id, act.facts)


def test_of_two_changes_at_once_the_second_sees_the_first(registry: Engine) -> None:
    def once(n: int) -> None:
        def decide(rows: object) -> tuple[list[Kept], list[str]]:
            return [replace(AGE, sealed=str(len(rows)).encode())], []  # type: ignore[arg-type]

        change(registry, ME, decide, NOW + timedelta(seconds=n))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(once, range(12)))
    rows = kept_of(registry, ME)
    assert [row.sealed for row in rows] == [str(n).encode() for n in range(12)]
    assert [row.ended_at is None for row in rows] == [False] * 11 + [True]


def test_forgotten_is_all_of_one_attribute_or_of_one_person(registry: Engine) -> None:
    for subject in (ME, OTHER):
        for _ in range(2):
            keep(registry, AGE, REGION, subject=subject)
    assert (count(registry, [ME]), count(registry, [ME, OTHER]), count(registry, [])) == (4, 8, 0)
    assert (forget(registry, ME, "age"), forget(registry, ME, "age")) == (2, 0)
    assert {row.attribute for row in kept_of(registry, ME)} == {"region"}
    assert forget(registry, ME) == 2
    assert (kept_of(registry, ME), len(kept_of(registry, OTHER))) == ([], 4)


def test_everybody_comes_once_with_what_is_in_force(registry: Engine) -> None:
    for subject in (OTHER, ME):  # rows of both, mixed
        keep(registry, AGE, REGION, subject=subject)
    keep(registry, replace(AGE, sealed=b"new"), subject=OTHER)
    keep(registry, ended=("region",), subject=ME)
    keep(registry, replace(AGE, valid_until=NOW), subject="2" * 32)
    found = {subject: [row.sealed for row in rows] for subject, rows in everybody(registry, NOW)}
    assert found == {ME: [AGE.sealed], OTHER: [b"r", b"new"]}
    assert [subject for subject, _ in everybody(registry, REGION.valid_until)] == [ME, OTHER]


def test_the_past_is_kept_for_a_time_and_what_holds_for_ever(registry: Engine) -> None:
    over, ended, holding = replace(AGE, valid_until=NOW), REGION, replace(AGE, attribute="years")
    keep(registry, over, ended, holding)
    keep(registry, ended=("region",), now=NOW)
    assert drop_past(registry, NOW) == 0
    assert drop_past(registry, NOW + timedelta(microseconds=1)) == 2
    assert kept_of(registry, ME) == [holding]


def test_one_person_cannot_fill_the_registry_and_loses_nothing_in_force(
    registry: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    keep(registry, REGION)
    for n in range(5):
        keep(registry, replace(AGE, sealed=str(n).encode()))
    rows = kept_of(registry, ME)
    assert [row.sealed for row in rows if row.holds(NOW)] == [b"r", b"4"]
    assert [row.sealed for row in rows] == [b"r", b"2", b"3", b"4"]


def test_who_declared_something_is_gone_through_by_name(registry: Engine) -> None:
    keep(registry, AGE, REGION)
    keep(registry, AGE, subject=OTHER)
    keep(registry, AGE, subject="2" * 32)
    keep(registry, ended=("age",), subject="2" * 32)
    assert holders(registry, "", 1) == [ME]
    assert holders(registry, ME, 9) == [OTHER]
    assert holders(registry, OTHER, 9) == []
