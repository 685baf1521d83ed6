"""Complaints on both databases: received, listed by what is due, answered once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from civicrec.errors import InvalidInput, NotFound, Unavailable
from civicrec.registry import complaints as module
from civicrec.registry.complaints import Complaint, answer, complaint, list_complaints, receive
from civicrec.registry.tables import audit

NOW = datetime(2026, 9, 30, 3, 30, tzinfo=UTC)
DUE = date(2026, 10, 14)


def some(registry: Engine, text: str = "推荐的政策已过期", due: date = DUE) -> Complaint:
    return receive(registry, "gz", "recommendation", "a-1", text, due, NOW)


def test_a_receipt_finds_what_was_said_and_no_other(registry: Engine) -> None:
    mine, other = some(registry), some(registry, "大字版打不开")
    assert mine.receipt != other.receipt
    assert (complaint(registry, mine.receipt), complaint(registry, other.receipt)) == (mine, other)
    for wrong in ("", mine.receipt[:-1], mine.receipt.lower() + "x"):
        with pytest.raises(NotFound, match="no complaint"):
            complaint(registry, wrong)


def test_what_is_due_first_stands_first_and_is_overdue_the_day_after(registry: Engine) -> None:
    late, soon = some(registry, due=DUE), some(registry, due=DUE - timedelta(days=2))
    assert [one.receipt for one in list_complaints(registry, only_open=True)] == [soon.receipt, late.receipt]
    assert [late.is_overdue(DUE + timedelta(days=days)) for days in (0, 1)] == [False, True]
    answered = answer(registry, soon.receipt, " 已更正。 ", who="li", now=NOW)
    assert (answered.reply, answered.answered_by, answered.is_overdue(date(2030, 1, 1))) == ("已更正。", "li", False)
    assert list_complaints(registry, only_open=True) == [late]
    assert len(list_complaints(registry)) == 2


def test_an_answer_is_given_once_and_audited_without_its_words(registry: Engine) -> None:
    mine = some(registry)
    for reply in ("", "  ", "长" * 2_001):
        with pytest.raises(InvalidInput, match="expected 1 to 2000"):
            answer(registry, mine.receipt, reply, who="li", now=NOW)
    answer(registry, mine.receipt, "已更正。", who="li", now=NOW)
    with pytest.raises(InvalidInput, match="was answered on"):
        answer(registry, mine.receipt, "再答", who="wang", now=NOW)
    with pytest.raises(NotFound):
        answer(registry, "NOBODYS", "已更正。", who="li", now=NOW)
    with registry.connect() as connection:
        (row,) = connection.execute(select(audit).where(audit.c.action == "complaint_answered")).all()
    assert (row.who, row.object_id, row.facts) == ("li", mine.receipt, {"characters": 4})


def test_a_flood_ends_at_a_bound_and_answers_make_room(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_OPEN", 2)
    first = some(registry)
    some(registry)
    with pytest.raises(Unavailable, match="2 complaints wait"):
        some(registry)
    answer(registry, first.receipt, "已更正。", who="li", now=NOW)
    some(registry)
