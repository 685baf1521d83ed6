"""The consent ledger on both databases, against a list of answers kept beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from civicrec.clock import to_ms
from civicrec.errors import InvalidInput
from civicrec.registry import consents as module
from civicrec.registry.audit import audit_rows, verify
from civicrec.registry.choices import choices, choices_of, choices_version, off_since, switch
from civicrec.registry.consents import enter, entries_of, erase_consents, latest
from civicrec.registry.news import news_of
from civicrec.registry.notice import Entry, Notice
from tests.running import wait_for

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
ME, OTHER = "0a" * 16, "1b" * 16
NOTICE = Notice("2026-1", ("personalise", "push"), frozenset({"personalise", "push"}), timedelta(days=180))


def answer(
    given_: bool, *, actor: str = ME, purpose: str = "personalise", hours: float = 0, version: str = "2026-1"
) -> Entry:
    at = NOW + timedelta(hours=hours)
    return Entry(actor, "gz", purpose, given_, version, NOTICE.covers, "web", at)


def put(registry: Engine, *answers: Entry) -> list[bool]:
    return [enter(registry, one, NOTICE, audit_name=f"person:{one.actor[:2]}") for one in answers]


def test_all_answers_are_kept_in_their_order_and_the_last_of_a_purpose_holds(registry: Engine) -> None:
    said = [
        answer(True), answer(False, purpose="push", hours=1), answer(False, hours=2),
        answer(True, actor=OTHER, hours=3), answer(True, hours=4, version="2026-2"),
    ]  # fmt: skip
    assert put(registry, *said) == [True] * 5
    assert entries_of(registry, ME) == [said[0], said[1], said[2], said[4]]
    assert latest(registry, [ME, OTHER, "2c" * 16], "personalise") == {ME: said[4], OTHER: said[3]}
    assert latest(registry, [ME, OTHER], "push") == {ME: said[1]}
    assert latest(registry, [], "push") == {}


def test_a_retry_enters_nothing_and_a_refusal_after_the_next_question_does(registry: Engine) -> None:
    assert put(registry, answer(True), answer(True, hours=1)) == [True, False]
    assert put(registry, answer(False, hours=2), answer(False, hours=3)) == [True, False]
    later = answer(False, hours=2 + 180 * 24)
    assert put(registry, later) == [True]
    assert entries_of(registry, ME) == [answer(True), answer(False, hours=2), later]


def test_who_refused_or_withdrew_is_off_since_the_first_word_and_the_switch_is_another_thing(registry: Engine) -> None:
    first = choices_version(registry)
    put(registry, answer(True), answer(False, actor=OTHER, purpose="push"))
    assert (choices(registry).off, choices_version(registry)) == (frozenset(), first)
    put(registry, answer(False, hours=1), answer(False, hours=1 + 181 * 24))
    withdrawn_at = NOW + timedelta(hours=1)
    assert off_since(registry) == {ME: to_ms(withdrawn_at)}
    assert (choices(registry).off, choices_of(registry, ME).off_since) == ({ME}, withdrawn_at)
    assert choices_version(registry) > first
    switch(registry, ME, on=True, now=NOW)
    assert choices_of(registry, ME).off_since == withdrawn_at
    switch(registry, ME, on=False, now=NOW)
    assert choices_of(registry, ME).off_since == NOW
    put(registry, answer(True, hours=9_000))
    assert choices_of(registry, ME).off_since == NOW
    switch(registry, ME, on=True, now=NOW)
    assert (choices_of(registry, ME).off_since, choices_of(registry, OTHER).off_since) == (None, None)


_steps = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["personalise", "push"]), st.booleans()), max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps)
def test_in_every_order_the_ledger_says_what_a_list_of_answers_says(
    registry: Engine, steps: list[tuple[int, str, bool]]
) -> None:
    people = [uuid4().hex, uuid4().hex]
    said: list[Entry] = []
    for hour, (who, purpose, given_) in enumerate(steps):
        one = answer(given_, actor=people[who], purpose=purpose, hours=hour)
        before = [entry for entry in said if (entry.actor, entry.purpose) == (one.actor, purpose)]
        is_new = not before or before[-1].is_given != given_
        assert put(registry, one) == [is_new]
        said += [one] * is_new
    for actor in people:
        mine = [entry for entry in said if entry.actor == actor]
        assert entries_of(registry, actor) == mine
        personal = [entry for entry in mine if entry.purpose == "personalise"]
        is_off = bool(personal) and not personal[-1].is_given
        assert (actor in choices(registry).off) == is_off


def test_each_answer_is_in_the_audit_log_without_the_pseudonym(registry: Engine) -> None:
    put(registry, answer(True), answer(True, hours=1), answer(False, hours=2))
    rows = audit_rows(registry)
    assert [(row.action, row.object_id) for row in rows] == [
        ("consent_withdrawn", "person:0a"), ("consent_given", "person:0a")
    ]  # fmt: skip
    assert rows[1].facts == {"site": "gz", "purpose": "personalise", "notice_version": "2026-1", "channel": "web"}
    assert ME not in repr(rows)
    assert verify(registry).broken is None


def test_erased_nothing_of_the_person_is_left_in_the_ledger_and_the_proof_is(registry: Engine) -> None:
    put(registry, answer(True), answer(False, hours=1), answer(True, actor=OTHER, hours=2))
    version = choices_version(registry)
    with registry.begin() as connection:
        assert erase_consents(connection, ME) == 2
    with registry.begin() as connection:
        assert erase_consents(connection, ME) == 0
    assert (entries_of(registry, ME), len(entries_of(registry, OTHER))) == ([], 1)
    assert choices(registry).off == frozenset()
    assert choices_version(registry) > version
    assert len(audit_rows(registry, object_id="person:0a")) == 2


def test_one_person_cannot_fill_the_ledger_and_can_always_withdraw(
    registry: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    put(registry, answer(True), answer(False, hours=1), answer(True, hours=2), answer(False, hours=3))
    with pytest.raises(InvalidInput, match="3 answers for 'personalise' are kept already"):
        put(registry, answer(True, hours=4))
    assert len(entries_of(registry, ME)) == 4
    assert put(registry, answer(True, purpose="push")) == [True]


def test_whoever_listens_hears_of_every_answer(registry: Engine) -> None:
    news = news_of(registry, "consents")
    try:
        for one in (answer(True), answer(False, hours=1)):
            put(registry, one)
            wait_for(news.any, 10, "the news", pause_s=0.001)
            assert not news.any()
        with registry.begin() as connection:
            erase_consents(connection, ME)
        wait_for(news.any, 10, "the news", pause_s=0.001)
    finally:
        news.close()
