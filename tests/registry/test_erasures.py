"""Requests to be erased, on both databases: one open a person, steps are kept, nobody is named once it is done."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from civicrec.erasure import Person, Step
from civicrec.errors import InvalidInput, NotFound
from civicrec.registry.audit import audit_rows
from civicrec.registry.choices import choose_tag, count_decisions, delete_tag, erase_decisions, switch
from civicrec.registry.erasures import (
    Erasure,
    clear_traces,
    erasure,
    erasures_of,
    erasures_version,
    finish_erasure,
    list_erasures,
    note_step,
    readmit,
    refused_until,
    request_erasure,
    widen_erasure,
)

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
ME, OTHER = Person("demo", "0" * 32, ("browser-0001",)), Person("demo", "1" * 32)
DUE = date(2026, 3, 23)


def ask(registry: Engine, who: Person = ME, digests: tuple[str, ...] = ("d1", "d2"), now: datetime = NOW) -> Erasure:
    return request_erasure(
        registry, who, f"person:{who.subject_id[:4]}", digests, due=DUE, by="subject", why="", now=now
    )


def test_a_request_refuses_its_names_at_once_and_asked_again_stays_one(registry: Engine) -> None:
    version = erasures_version(registry)
    made = ask(registry)
    assert ask(registry, now=NOW + timedelta(hours=1)) == made == erasure(registry, made.number)
    assert (made.trace, made.requested_at, made.due, made.steps) == (ME, NOW, DUE, {})
    assert refused_until(registry) == {"d1": None, "d2": None}
    assert erasures_version(registry) > version
    other = ask(registry, OTHER, ("d3",))
    assert [one.number for one in list_erasures(registry, only_open=True)] == [made.number, other.number]
    assert [row.action for row in audit_rows(registry)] == ["erasure_requested"] * 2


def test_steps_are_kept_and_names_found_later_are_added(registry: Engine) -> None:
    number = ask(registry).number
    note_step(registry, number, "events", Step(7))
    note_step(registry, number, "decisions", Step(1, 0))
    wider = replace(ME, anonymous_ids=("browser-0001", "browser-0002"))
    widen_erasure(registry, number, wider, ("d1", "d2", "d4"), NOW)
    found = erasure(registry, number)
    assert (found.steps, found.trace) == ({"events": Step(7), "decisions": Step(1, 0)}, wider)
    assert refused_until(registry) == dict.fromkeys(("d1", "d2", "d4"))


def test_once_it_is_done_nobody_is_named_and_the_names_stay_refused(registry: Engine) -> None:
    number = ask(registry).number
    note_step(registry, number, "events", Step(7, 0))
    for receipt in ("signed", "once more"):  # a worker that died after it had finished
        finish_erasure(registry, number, receipt, NOW)
    found = erasure(registry, number)
    assert (found.receipt, found.done_at, found.trace, found.steps) == ("signed", NOW, None, {"events": Step(7, 0)})
    assert list_erasures(registry, only_open=True) == []
    assert refused_until(registry) == {"d1": None, "d2": None}
    with registry.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM erasures")).all())
    assert ME.subject_id not in rows
    assert ME.anonymous_ids[0] not in rows
    assert [row.action for row in audit_rows(registry)] == ["erased", "erasure_requested"]
    assert not found.is_overdue(DUE + timedelta(days=99))
    again = ask(registry)
    assert again.number != number
    assert [one.number for one in erasures_of(registry, again.person)] == [again.number, number]
    assert (again.is_overdue(DUE), again.is_overdue(DUE + timedelta(days=1))) == (False, True)


def test_a_number_that_was_never_given_is_said(registry: Engine) -> None:
    with pytest.raises(NotFound, match="no erasure 77"):
        erasure(registry, 77)


def test_decisions_of_one_person_go_and_those_of_others_stay(registry: Engine) -> None:
    for actor in (ME.subject_id, OTHER.subject_id):
        switch(registry, actor, on=False, now=NOW)
        delete_tag(registry, actor, "theme:住房", NOW)
        choose_tag(registry, actor, "theme:教育", NOW)
    assert count_decisions(registry, ME.actors) == 3
    for _ in range(2):
        erase_decisions(registry, ME.actors)
    assert (count_decisions(registry, ME.actors), count_decisions(registry, OTHER.actors)) == (0, 3)
    assert clear_traces(registry)


def test_who_consents_anew_is_refused_no_longer_and_who_asks_again_is_refused_again(registry: Engine) -> None:
    number, person = ask(registry).number, f"person:{ME.subject_id[:4]}"
    with pytest.raises(InvalidInput, match=f"erasure {number} .*under way.*2026-03-23"):
        readmit(registry, person, "d1", by="subject", now=NOW)
    assert refused_until(registry) == {"d1": None, "d2": None}
    finish_erasure(registry, number, "signed", NOW)
    version, later = erasures_version(registry), NOW + timedelta(days=1)
    assert readmit(registry, person, "d1", by="subject", now=later)
    assert not readmit(registry, person, "d1", by="subject", now=later + timedelta(days=1))
    assert refused_until(registry) == {"d1": later, "d2": None}
    assert erasures_version(registry) > version
    assert [row.action for row in audit_rows(registry)][0] == "readmitted"
    assert ask(registry, now=later).number > number
    assert refused_until(registry) == {"d1": None, "d2": None}
    assert not readmit(registry, f"person:{OTHER.subject_id[:4]}", "nobody", by="subject", now=later)
