"""Who is sent what: rows that are written once, come up when they are due, and end once; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from civicrec.registry.deliveries import (
    Delivery,
    Outcome,
    counts_of,
    drop_old,
    due,
    enlist,
    leave_out,
    n_waiting,
    sent_times,
    settle,
)

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROWS = [Delivery(f"key{n}", "c1", 1, f"s{n}", "inbox") for n in range(4)]


def test_a_row_written_again_stays_as_it_is(registry: Engine) -> None:
    enlist(registry, [], "waiting", NOW)
    enlist(registry, ROWS, "waiting", NOW)
    settle(registry, [Outcome("key0", "delivered")], NOW)
    enlist(registry, ROWS, "waiting", NOW + HOUR)
    assert [row.key for row in due(registry, "c1", "inbox", NOW, 10)] == ["key1", "key2", "key3"]
    assert n_waiting(registry, "c1") == 3


def test_rows_come_up_when_they_are_due_and_end_once(registry: Engine) -> None:
    enlist(registry, ROWS[:2], "waiting", NOW)
    enlist(registry, ROWS[2:], "held_out", NOW)
    assert due(registry, "c1", "inbox", NOW - HOUR, 10) == []
    assert due(registry, "other", "inbox", NOW, 10) == []
    settle(registry, [Outcome("key0", "waiting", "http_500", NOW + HOUR, was_tried=True)], NOW)
    assert due(registry, "c1", "inbox", NOW, 10) == [ROWS[1]]
    [again] = [row for row in due(registry, "c1", "inbox", NOW + HOUR, 10) if row.key == "key0"]
    assert again.attempts == 1
    settle(registry, [Outcome("key0", "sent", was_tried=True)], NOW)
    settle(registry, [Outcome("key0", "refused", "late")], NOW)  # what ended has ended
    assert {(row["state"], row["reason"]): row["n"] for row in counts_of(registry, "c1")} == {
        ("sent", ""): 1, ("waiting", ""): 1, ("held_out", ""): 2
    }  # fmt: skip


def test_what_waits_at_the_end_is_left_out_with_its_reason(registry: Engine) -> None:
    enlist(registry, ROWS, "waiting", NOW)
    settle(registry, [Outcome("key0", "delivered")], NOW)
    assert leave_out(registry, "c1", "window_over", NOW) == 3
    assert leave_out(registry, "c1", "window_over", NOW) == 0
    assert n_waiting(registry, "c1") == 0


def test_what_reached_somebody_lately_is_told_once_a_campaign(registry: Engine) -> None:
    rows = [
        Delivery(key, campaign_id, 1, subject, channel)
        for key, campaign_id, subject, channel in (
            ("a", "c1", "s", "inbox"), ("b", "c1", "s", "webhook"), ("c", "c2", "s", "inbox"),
            ("d", "c3", "s", "inbox"), ("e", "c4", "s", "inbox"), ("f", "c5", "t", "inbox"),
        )
    ]  # fmt: skip
    enlist(registry, rows, "waiting", NOW)
    settle(registry, [Outcome("a", "delivered")], NOW + HOUR)
    settle(registry, [Outcome("b", "sent")], NOW)
    settle(registry, [Outcome("c", "delivered")], NOW - 2 * HOUR)
    settle(registry, [Outcome("d", "refused")], NOW)
    assert sent_times(registry, ["s", "t"], NOW - HOUR, but="c5") == {"s": [NOW]}
    assert sent_times(registry, ["s"], NOW - 3 * HOUR, but="c1") == {"s": [NOW - 2 * HOUR]}
    assert drop_old(registry, NOW) == 1
