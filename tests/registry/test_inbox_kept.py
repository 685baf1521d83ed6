"""Messages as they are kept: once, read, deleted, and gone with the person; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from civicrec.registry.deliveries import Delivery, counts_of, enlist
from civicrec.registry.inbox import count_pushes, drop_old, erase_pushes, mark, messages_of, put_messages, unread_of
from civicrec.registry.subscriptions import subscribe, subscriptions_of

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
ME, OTHER = "0" * 32, "1" * 32


def a_row(key: str, subject: str = ME) -> Delivery:
    return Delivery(key, "c1", 1, subject, "inbox")


def put(registry: Engine, rows: list[Delivery], at: datetime) -> None:
    enlist(registry, rows, "waiting", NOW)
    put_messages(registry, [row.key for row in rows], at)


def test_a_message_put_again_stays_as_its_owner_left_it(registry: Engine) -> None:
    put(registry, [a_row("a"), a_row("b"), a_row("x", OTHER)], NOW)
    assert mark(registry, ME, "a", "read", NOW + HOUR) == "first"
    assert mark(registry, ME, "b", "deleted", NOW + HOUR) == "first"
    put(registry, [a_row("a"), a_row("b")], NOW + 2 * HOUR)
    [message] = messages_of(registry, ME, 10)
    assert (message.key, message.at, message.read_at) == ("a", NOW, NOW + HOUR)


def test_nobody_marks_the_message_of_another_or_one_that_is_gone(registry: Engine) -> None:
    put(registry, [a_row("a"), a_row("b")], NOW)
    assert mark(registry, OTHER, "a", "deleted", NOW) == "none"
    assert mark(registry, ME, "nothing", "read", NOW) == "none"
    assert unread_of(registry, ME) == 2
    assert mark(registry, ME, "b", "deleted", NOW) == "first"
    assert mark(registry, ME, "b", "read", NOW) == "none"
    assert unread_of(registry, ME) == 1
    assert mark(registry, ME, "a", "read", NOW) == "first"
    assert mark(registry, ME, "a", "read", NOW + HOUR) == "again"
    assert messages_of(registry, ME, 10)[0].read_at == NOW
    assert (unread_of(registry, ME), unread_of(registry, OTHER)) == (0, 0)


def test_messages_come_newest_first_page_by_page(registry: Engine) -> None:
    for n in range(5):
        put(registry, [a_row(str(n))], NOW + n * HOUR)
    first = messages_of(registry, ME, 2)
    assert [one.key for one in first] == ["4", "3"]
    assert [one.key for one in messages_of(registry, ME, 9, first[-1].at)] == ["2", "1", "0"]
    assert drop_old(registry, NOW + 3 * HOUR) == 3


def test_who_is_erased_leaves_nothing_and_nobody_else_loses_anything(registry: Engine) -> None:
    for subject in (ME, OTHER):
        enlist(registry, [a_row(f"k{subject[:8]}", subject)], "waiting", NOW)
        put(registry, [a_row(f"k{subject[:8]}", subject)], NOW)
        subscribe(registry, subject, "webhook", "", is_on=True, now=NOW)
    assert count_pushes(registry, [ME]) == 3
    erase_pushes(registry, [ME])
    assert (count_pushes(registry, [ME]), count_pushes(registry, [OTHER])) == (0, 3)
    assert len(messages_of(registry, OTHER, 9)) == len(subscriptions_of(registry, OTHER)) == 1
    assert sum(row["n"] for row in counts_of(registry, "c1")) == 1
