"""The audit log on both databases: what was changed past `record` is found, and who writes at once makes one chain."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from civicrec.errors import InvalidInput, Unavailable
from civicrec.registry import migrate as registry_migrate
from civicrec.registry.audit import Act, audit_head_of, audit_rows, is_cut, record, record_alone, verify
from civicrec.registry.catalogue import erase, set_status, upsert_items
from civicrec.registry.chain import NOTHING, Head, Link, chained, head_from
from civicrec.registry.connection import connect
from civicrec.registry.migrate import migrate, migrations
from civicrec.registry.runs import choose_run
from civicrec.registry.tables import open_registry
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from operations.cli import app
from tests.item_builders import an_item

NOW = datetime(2026, 3, 1, 8, 30, 0, 123_456, UTC)
BEIJING = timezone(timedelta(hours=8))


def an_act(n: int) -> Act:
    at = (NOW + timedelta(seconds=n)).astimezone(BEIJING if n % 2 else UTC)
    return Act(
        at, "李", "item_erased", f"a{n}", {"why": '含错 \\ " é \U0001f5d1', "n": n, "share": 0.1 * n, "none": None}
    )


@pytest.fixture
def five(registry: Engine) -> Engine:
    """Return a registry with five audit rows, some written together."""
    with registry.begin() as connection:
        record(connection, [an_act(1), an_act(2)])
    for n in (3, 4, 5):
        record_alone(registry, an_act(n))
    return registry


def act_by_hand(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_rows_are_told_as_they_were_recorded_and_hold(five: Engine) -> None:
    told = audit_rows(five)
    assert [(row.number, row.object_id) for row in told] == [(n, f"a{n}") for n in (5, 4, 3, 2, 1)]
    assert (told[0].at, told[0].who, told[0].facts) == (an_act(5).at, "李", dict(an_act(5).facts))
    found = verify(five)
    assert (found.rows, found.broken, found.head) == (5, None, Head(5, told[0].digest))
    assert audit_head_of(five) == found.head
    assert not is_cut(five)
    assert verify(five, Head(2, told[3].digest)).broken is None
    assert [row.number for row in audit_rows(five, object_id="a3")] == [3]
    assert audit_rows(five, who="王") == audit_rows(five, action="item_added") == []


def test_an_empty_log_holds(registry: Engine) -> None:
    assert (verify(registry).rows, verify(registry).broken, audit_head_of(registry)) == (0, None, Head())
    assert not is_cut(registry)


@pytest.mark.parametrize(
    ("deeds", "row", "says"),
    [
        (["UPDATE audit SET who = '王' WHERE id = 3"], 3, "changed"),
        (["UPDATE audit SET at = '2026-03-01 08:30:03.123457' WHERE id = 3"], 3, "changed"),
        (["UPDATE audit SET action = 'item_added' WHERE id = 1"], 1, "changed"),
        (["UPDATE audit SET object_id = 'a9' WHERE id = 5"], 5, "changed"),
        (["""UPDATE audit SET facts = '{"why"\\: "ok"}' WHERE id = 4"""], 4, "changed"),
        (["UPDATE audit SET digest = previous WHERE id = 2"], 2, "changed"),
        (["DELETE FROM audit WHERE id = 1"], 2, "removed"),
        (["DELETE FROM audit WHERE id IN (2, 3)"], 4, "follow row 1"),
        (["DELETE FROM audit WHERE id = 5"], 4, "the head is 5: rows at the end were removed"),
        (["DELETE FROM audit WHERE id > 0"], 0, "the head is 5: rows at the end were removed"),
        (
            [
                "UPDATE audit SET id = 99 WHERE id = 2",
                "UPDATE audit SET id = 2 WHERE id = 3",
                "UPDATE audit SET id = 3 WHERE id = 99",
            ],
            2,
            "moved",
        ),
        (
            [
                "INSERT INTO audit (id, at, who, action, object_id, facts) "
                "VALUES (6, '2026-03-01 09:00:00.000000', '王', 'item_added', 'b', '{}')"
            ],
            6,
            "past the audit log",
        ),
        (["DELETE FROM audit_head"], 0, "head of the log was removed"),
    ],
)
def test_what_is_changed_past_the_log_is_found_at_its_row(
    five: Engine, deeds: list[str], row: int, says: str
) -> None:  # fmt: skip
    act_by_hand(five, *deeds)
    broken = verify(five).broken
    assert broken is not None
    assert (broken.number, says in broken.why) == (row, True), broken


def test_a_cut_at_the_end_is_seen_at_once_and_the_log_goes_on_from_its_head(five: Engine) -> None:
    act_by_hand(five, "DELETE FROM audit WHERE id = 5")
    assert is_cut(five)
    record_alone(five, an_act(6))
    assert not is_cut(five)
    broken = verify(five).broken
    assert broken is not None
    assert (broken.number, "follow row 4" in broken.why) == (6, True)


def write_anew(engine: Engine, keep: int) -> None:
    """Do what somebody with all rights and this code would do: drop rows, chain the rest, set the head."""
    kept = [link for link in reversed(audit_rows(engine)) if link.number <= keep]
    forged = list(chained([Link(x.number, x.at, "王", x.action, x.object_id, x.facts) for x in kept], Head()))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audit WHERE id > :keep"), {"keep": keep})
        for link in forged:
            values = {"p": link.previous, "d": link.digest, "n": link.number}
            connection.execute(text("UPDATE audit SET who = '王', previous = :p, digest = :d WHERE id = :n"), values)
        connection.execute(text("UPDATE audit_head SET number = :n, digest = :d"), values)


@pytest.mark.parametrize("keep", [3, 5])
def test_a_chain_written_anew_holds_and_is_told_by_a_head_that_was_noted_elsewhere(five: Engine, keep: int) -> None:
    noted = head_from(str(audit_head_of(five)))
    write_anew(five, keep)
    assert verify(five).broken is None
    broken = verify(five, noted).broken
    assert broken is not None
    assert f"{'was noted' if keep < 5 else 'that was noted'}" in broken.why


@pytest.mark.parametrize("wrong", ["", "5", f"5:{NOTHING[1:]}", f"-5:{NOTHING}", f"5 {NOTHING}"])
def test_what_is_no_head_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput, match="expected NUMBER:DIGEST"):
        head_from(wrong)


def test_writers_at_once_make_one_chain(address: str, registry: Engine) -> None:
    together = threading.Barrier(4)

    def write(writer: int) -> None:
        engine = connect(address)
        together.wait()
        for n in range(10):
            with engine.begin() as connection:
                record(connection, [an_act(writer * 100 + n), an_act(writer * 100 + n + 50)])
        engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = verify(registry)
    assert (found.broken, found.rows, found.head.number) == (None, 80, 80)
    mine = [row.object_id for row in reversed(audit_rows(registry)) if row.object_id.startswith("a1")]
    assert [one for one in mine if one[-2] == "0"] == [f"a1{n:02}" for n in range(10)]


def test_what_is_rolled_back_leaves_no_row_and_no_gap(five: Engine) -> None:
    with five.connect() as connection:
        transaction = connection.begin()
        record(connection, [an_act(6)])
        transaction.rollback()
    record_alone(five, an_act(7))
    assert (verify(five).broken, audit_rows(five)[0].number) == (None, 6)


def test_nothing_is_recorded_beside_a_chain_whose_head_is_gone(five: Engine) -> None:
    act_by_hand(five, "DELETE FROM audit_head")
    with pytest.raises(Unavailable, match="audit verify"):
        record_alone(five, an_act(6))
    assert is_cut(five)
    assert len(audit_rows(five)) == 5


def test_the_deeds_of_the_registry_are_in_the_chain(registry: Engine) -> None:
    upsert_items(registry, [an_item("a"), an_item("b")], who="li", now=NOW)
    upsert_items(registry, [an_item("a", title="新标题")], who="li", now=NOW)
    set_status(registry, ["a", "b"], "withdrawn", who="li", why="过期", now=NOW)
    erase(registry, ["a", "b"], who="li", why="含隐私", now=NOW)
    choose_run(registry, "2026-02-28-abc", who="li", why="旧的好", now=NOW)
    assert [row.action for row in reversed(audit_rows(registry))] == [
        "item_added", "item_added", "item_changed", "item_withdrawn", "item_withdrawn", "item_erased", "item_erased",
        "model_rolled_back",
    ]  # fmt: skip
    assert verify(registry).broken is None


def test_rows_from_before_the_chain_are_chained_by_the_migration(
    new_address: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = connect(new_address())
    with monkeypatch.context() as earlier:
        earlier.setattr(registry_migrate, "migrations", lambda: migrations()[:9])
        migrate(old)
    rows = ", ".join(f"('2026-02-0{n} 08:00:00.00000{n}', 'li', 'item_added', 'a{n}', '{{}}')" for n in range(1, 5))
    act_by_hand(old, f"INSERT INTO audit (at, who, action, object_id, facts) VALUES {rows}")
    act_by_hand(old, "DELETE FROM audit WHERE id = 2")  # a gap that a failed transaction left in the numbers
    migrate(old)
    assert (verify(old).rows, verify(old).broken, verify(old).head.number) == (3, None, 4)
    record_alone(old, an_act(1))
    assert [row.number for row in audit_rows(old)] == [5, 4, 3, 1]
    assert verify(old).broken is None
    act_by_hand(old, "UPDATE audit SET who = '王' WHERE id = 3")
    broken = verify(old).broken
    assert broken is not None
    assert broken.number == 3
    old.dispose()


def run(home: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["audit", *words, "--home", str(home)])
    return done.exit_code, done.output + str(done.exception or "")


def test_the_commands_list_verify_and_name_the_row(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    keys = load_keys(settings)
    registry = open_registry(settings.registry_address)
    upsert_items(registry, [an_item("a")], who="li", why="首次导入", now=NOW)
    person = keys.audit_name(keys.subject_id("demo", "wang"))
    record_alone(registry, Act(NOW, "li", "data_exported", person, {"why": "行权"}))
    head = str(audit_head_of(registry))
    assert run(tmp_path, "verify") == (0, f"2 rows are as they were written; head {head}\n")
    assert run(tmp_path, "verify", "--noted", head)[0] == 0
    assert "首次导入" in run(tmp_path, "list", "--object", "a")[1]
    code, found = run(tmp_path, "list", "--site", "demo", "--user", "wang", "--json")
    assert (code, found.count("\n"), '"data_exported"' in found, "wang" in found) == (0, 1, True, False)
    assert run(tmp_path, "list", "--site", "demo", "--user", "zhao") == (0, "")
    assert "together" in run(tmp_path, "list", "--user", "wang")[1]
    act_by_hand(registry, "UPDATE audit SET who = '王' WHERE id = 1")
    assert run(tmp_path, "verify")[1].startswith("broken at row 1: it was changed")
    assert run(tmp_path, "verify")[0] == 1
    registry.dispose()
