"""A person is erased from every table of the warehouse, the books go on to balance, and nobody else loses anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from civicrec.clock import monotonic_s
from civicrec.erasure import Person
from civicrec.errors import Unavailable
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.erasing import ReplacedParts, ServedLists, WarehouseRows, personal_tables
from civicrec.warehouse.held import held
from civicrec.warehouse.personal import browsers_of

ME, OTHER = "5" * 31 + "a", "6" * 31 + "b"
MINE, SHARED, THEIRS = "browser-of-mine-0001", "browser-of-a-kiosk-1", "browser-of-theirs-01"
LOG = "log-of-erasing"
AT = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)
#: Who of the events: (subject, browser).
ACTORS = [(ME, MINE), ("", MINE), (ME, SHARED), ("", SHARED), (OTHER, SHARED), (OTHER, THEIRS), ("", THEIRS), (ME, "")]


def put_rows(warehouse: ClickHouseWarehouse) -> None:
    """Store an event an actor and month, on two records each, lists of two of them, dead letters and tags."""
    pairs = [(n, *who, month) for n, who in enumerate(ACTORS) for month in (0, 1)]
    warehouse.insert(
        "events",
        {
            "event_id": [str(UUID(int=2 * n + month + 1)) for n, _, _, month in pairs],
            "kind": ["click"] * len(pairs),
            "occurred_at": [AT + timedelta(days=month) for *_, month in pairs],
            "received_at": [AT + timedelta(days=month) for *_, month in pairs],
            "local_date": [(AT + timedelta(days=month)).date() for *_, month in pairs],
            "site": ["demo"] * len(pairs),
            "subject_id": [subject for _, subject, _, _ in pairs],
            "anonymous_id": [browser for _, _, browser, _ in pairs],
            "actor": [subject or browser for _, subject, browser, _ in pairs],
            "request_id": [f"request-{n}" for n, *_ in pairs],
            "log": [LOG] * len(pairs),
            "log_offset": [n + 1 for n, *_ in pairs],
        },
    )
    warehouse.insert(
        "served",
        {
            "request_id": [f"request-{n}" for n in range(len(ACTORS))],
            "served_at": [AT] * len(ACTORS),
            "kept_until": [(AT + timedelta(days=3_650)).date()] * len(ACTORS),
        },
    )
    warehouse.insert(
        "dead_letters",
        {
            "log": [LOG] * 3,
            "log_offset": [101, 102, 103],
            "piece": [0] * 3,
            "seen_at": [AT] * 3,
            "reason": ["bad_field"] * 3,
            "detail": ["got 'x'"] * 3,
            "raw": [f'{{"anonymous_id": "{name}"}}' for name in (MINE, THEIRS, ME)],
            "n_events": [1, 1, 2],
        },
    )
    actors = [ME, OTHER, MINE, THEIRS]
    warehouse.insert("actor_tags", {"day": [AT.date()] * 4, "actor": actors, "tag": ["theme:住房"] * 4})
    warehouse.insert("segment_members", {"day": [AT.date()] * 4, "actor": actors, "segment": ["firms"] * 4})


def erased(store: WarehouseRows | ReplacedParts, person: Person) -> None:
    """Erase as the worker does: again and again until the engine is done."""
    until_s = monotonic_s() + 240
    while True:
        try:
            return store.erase(person)
        except Unavailable:
            assert monotonic_s() < until_s


@pytest.fixture
def clean(warehouse: ClickHouseWarehouse) -> ClickHouseWarehouse:
    for table in ("events", "served", "dead_letters", "actor_tags", "segment_members"):
        warehouse.command(f"TRUNCATE TABLE {table}")
    return warehouse


def test_a_person_goes_from_every_table_and_nobody_else_loses_anything(clean: ClickHouseWarehouse) -> None:
    put_rows(clean)
    before = held(clean, LOG, 0, 200, 86_400)
    assert browsers_of(clean, ME) == (MINE,)  # the kiosk is nobody's alone
    person = Person("demo", ME, browsers_of(clean, ME))
    stores = [ServedLists(clean, lambda who: {"request-6", "request-of-nobody"} if who == person else ()),
              *personal_tables(clean)]  # fmt: skip
    assert {store.name: store.count(person) for store in stores} == {
        "served lists": 5, "dead letters": 2, "tags of nights": 2, "members of segments": 2,
        "events": 8,
    }  # fmt: skip
    for store in stores:
        erased(store, person)
        erased(store, person)  # again changes nothing
        assert store.count(person) == 0
    left = clean.rows("SELECT subject_id, anonymous_id FROM events FINAL ORDER BY log_offset, occurred_at")
    assert [(row["subject_id"], row["anonymous_id"]) for row in left] == [
        who for who in ACTORS if ME not in who and MINE not in who for _ in (0, 1)
    ]
    assert [row["request_id"] for row in clean.rows("SELECT request_id FROM served ORDER BY request_id")] == [
        f"request-{n}" for n in (3, 4, 5)
    ]
    letters = clean.rows(
        "SELECT log_offset, raw, detail FROM dead_letters FINAL WHERE raw != '' OR reason = 'bad_field'"
    )
    assert {row["log_offset"]: (row["raw"] != "", row["detail"] != "") for row in letters} == {
        101: (False, False), 102: (True, True), 103: (False, False)
    }  # fmt: skip
    for table in ("actor_tags", "segment_members"):
        assert [row["actor"] for row in clean.rows(f"SELECT actor FROM {table} ORDER BY actor")] == [OTHER, THEIRS]
    # What was proved to be stored still counts as accounted for, record by record.
    assert held(clean, LOG, 0, 200, 86_400).total == before.total
    assert held(clean, LOG, 0, 1, 86_400).total == 2


def test_what_was_cut_off_in_the_middle_is_done_by_the_next_call(clean: ClickHouseWarehouse) -> None:
    put_rows(clean)
    person = Person("demo", ME, (MINE,))
    total = held(clean, LOG, 0, 200, 86_400).total
    first, second = (personal_tables(clean)[-1] for _ in range(2))
    first._begin(person)  # and the process died
    first._begin(person)  # another had the same idea before it looked
    erased(second, person)
    assert second.count(person) == 0
    assert held(clean, LOG, 0, 200, 86_400).total == total


def test_no_file_of_the_engine_holds_the_names_in_a_statement(clean: ClickHouseWarehouse) -> None:
    put_rows(clean)
    store = personal_tables(clean)[-1]
    store._begin(Person("demo", ME, (MINE,)))
    commands = clean.rows("SELECT command FROM system.mutations WHERE database = currentDatabase()")
    assert any("sipHash128Keyed" in row["command"] for row in commands)
    assert not [row for row in commands if ME in row["command"] or MINE in row["command"]]
    erased(store, Person("demo", ME, (MINE,)))


def test_parts_that_held_a_person_leave_the_disk_and_then_tables_are_as_usual(clean: ClickHouseWarehouse) -> None:
    put_rows(clean)
    person = Person("demo", ME, (MINE,))
    erased(personal_tables(clean)[-1], person)
    parts = ReplacedParts(clean)
    assert parts.count(person)
    erased(parts, person)
    assert parts.count(person) == 0
    for _ in range(2):
        erased(parts, person)
    (made,) = clean.rows("SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'events'")
    assert "old_parts_lifetime" not in made["engine_full"]
