"""What was proved stored and is there no longer: `status` says so at once, `doctor --books` names the records."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from civicrec.accounting import proofs as proofs_module
from civicrec.errors import InvalidInput
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from operations.stack.holes import alarms, examine_books
from operations.stack.tables import examine_tables
from streaming.repair.run import repair
from tests.builders import NOON, an_event
from tests.running import RunningStack, running_stack, wait_for
from tests.streaming.city import City, clicks
from tests.streaming.test_reprocess import ALL

pytestmark = pytest.mark.stack

TOMORROW = NOON + timedelta(days=1)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("stores"), only=("warehouse", "valkey")) as stack:
        with closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse:
            migrate(warehouse)
        yield stack


@pytest.fixture
def city(stores: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    monkeypatch.setattr(proofs_module, "RECORDS", 10)  # a proof of its own for each ten records
    city = City(stores, tmp_path)
    for table in ("events", "dead_letters"):
        city.warehouse.command(f"TRUNCATE TABLE {table}")
    city.catalogue("i1")
    for first in range(0, 40, 10):
        city.send(*clicks(first + 10)[first:])
        city.stream()
        assert city.count() == []
    assert look(city) == ([], ["ok"])
    yield city
    city.close()


def look(city: City, now: datetime = TOMORROW) -> tuple[list[str], list[str]]:
    return alarms(city.settings, now), [found.state for found in examine_books(city.settings, now)]


def delete(city: City, where: str) -> None:
    city.warehouse.command(f"ALTER TABLE events DELETE WHERE {where} SETTINGS mutations_sync = 1")


def test_rows_deleted_by_hand_are_named_and_filled_in(city: City) -> None:
    delete(city, "log_offset IN (13, 14)")
    city.warehouse.command("DELETE FROM events WHERE log_offset = 38")  # marked, not taken out of its part
    said, states = look(city)
    assert ["3 events of 202601 fewer" in sentence for sentence in said] == [True]
    assert states == ["missing", "missing", "ok"]
    details = [found.detail for found in examine_books(city.settings, TOMORROW)]
    assert any("1 events of the log's records 38 to 38 are missing" in detail for detail in details)
    assert any(
        "2 events of the log's records 13 to 14" in detail
        and "`civicrec events reprocess --from 2026-01-31 --until 2026-01-31`" in detail
        for detail in details
    )
    words = ("doctor", "--books", "--home", str(city.settings.home))
    done = city.stack.civicrec(*words, check=False, env=city.stack.stores_by_url)
    assert done.returncode == 1, done.stdout
    assert repair(city.settings, ALL).new == 3
    assert look(city) == ([], ["ok"])


#: What takes rows away besides a DELETE, and how many of the forty it takes.
CAUSES = {
    "emptied": (["TRUNCATE TABLE events"], 40),
    "a partition dropped": (["ALTER TABLE events DROP PARTITION 202601"], 40),
    "a part dropped": (["OPTIMIZE TABLE events FINAL", "ALTER TABLE events DROP PART '{part}'"], 40),
    "an older backup restored": (
        ["CREATE TABLE backup AS events", "INSERT INTO backup SELECT * FROM events WHERE log_offset <= 25",
         "EXCHANGE TABLES events AND backup", "DROP TABLE backup SYNC"], 15,
    ),
    "a partition replaced by an older one": (
        ["CREATE TABLE backup AS events", "INSERT INTO backup SELECT * FROM events WHERE log_offset <= 12",
         "ALTER TABLE events REPLACE PARTITION 202601 FROM backup", "DROP TABLE backup SYNC"], 28,
    ),
    "moved elsewhere": (
        ["CREATE TABLE backup AS events", "ALTER TABLE events MOVE PARTITION 202601 TO TABLE backup",
         "DROP TABLE backup SYNC"], 40,
    ),
    "expired": (
        ["ALTER TABLE events MODIFY TTL toDateTime(received_at) + toIntervalSecond(1)", "OPTIMIZE TABLE events FINAL",
         "ALTER TABLE events REMOVE TTL"], 40,
    ),
}  # fmt: skip


@pytest.mark.parametrize("cause", CAUSES)
def test_whatever_took_rows_away_they_are_counted_named_and_filled_in(city: City, cause: str) -> None:
    statements, n_lost = CAUSES[cause]
    before = city.rows("event_id, log_offset")
    for sql in statements:
        parts = city.warehouse.rows(
            "SELECT name FROM system.parts WHERE active AND table = 'events' AND database = currentDatabase()"
        )
        city.warehouse.command(sql.format(part=parts[0]["name"] if parts else ""))
    said, states = look(city)
    assert f"{n_lost} events of 202601 fewer" in " ".join(said)
    assert states[0] == "missing"
    details = [found.detail for found in examine_books(city.settings, TOMORROW)]
    assert sum(int(detail.split()[0]) for detail in details if "are missing" in detail) == n_lost
    assert repair(city.settings, ALL).new == n_lost
    assert look(city) == ([], ["ok"])
    assert city.rows("event_id, log_offset") == before


@pytest.mark.parametrize("sql", ["DROP TABLE events SYNC", "RENAME TABLE events TO away"])
def test_a_table_that_was_dropped_is_told_made_again_and_filled_in(city: City, sql: str) -> None:
    before = city.rows("event_id, log_offset")
    city.warehouse.command(sql)
    city.send(*clicks(45)[40:])
    with pytest.raises(InvalidInput, match="UNKNOWN_TABLE"):
        city.stream()
    with pytest.raises(InvalidInput, match="UNKNOWN_TABLE"):  # a problem in the status
        alarms(city.settings, TOMORROW)
    (found,) = examine_books(city.settings, TOMORROW)
    assert (found.state, "`civicrec doctor --migrate`" in found.detail) == ("missing", True)
    assert [one.state for one in examine_tables(city.settings) if one.name == "warehouse tables"] == ["absent"]
    assert migrate(city.warehouse)
    assert migrate(city.warehouse) == []
    city.stream()
    said, states = look(city)
    assert ("events of 202601 fewer" in said[0], states[0]) == (True, "missing")
    assert repair(city.settings, ALL).new == 40
    assert look(city) == ([], ["ok"])
    assert city.rows("event_id, log_offset")[:40] == before
    city.warehouse.command("DROP TABLE IF EXISTS away SYNC")


def test_a_detached_part_is_an_alarm_and_its_records_are_named(city: City) -> None:
    part = city.warehouse.rows(
        "SELECT name FROM system.parts WHERE active AND table = 'events' AND database = currentDatabase() LIMIT 1"
    )[0]["name"]
    city.warehouse.command(f"ALTER TABLE events DETACH PART '{part}'")
    said, states = look(city)
    assert "1 parts of table events are detached" in said[0]
    assert states[0] == "missing"
    city.warehouse.command(f"ALTER TABLE events ATTACH PART '{part}'")
    assert look(city) == ([], ["ok"])


def test_where_the_log_is_gone_a_backup_is_named_and_not_a_command_that_would_find_nothing(city: City) -> None:
    city.log.trim(30)
    delete(city, "log_offset = 13")
    found = examine_books(city.settings, TOMORROW)
    assert [one.state for one in found] == ["missing", "ok"]
    assert "records 11 to 20" in found[0].detail
    assert "restore a backup" in found[0].detail


def test_what_came_again_later_and_is_kept_once_is_no_hole(city: City) -> None:
    late = [msgspec.structs.replace(event, received_at=NOON + timedelta(days=5)) for event in clicks(5)]
    city.send(*late)
    city.stream()
    city.warehouse.command("OPTIMIZE TABLE events FINAL")
    assert city.count() == []
    assert look(city) == ([], ["ok"])
    delete(city, "log_offset > 30 AND log_offset <= 40")  # more than came again
    assert look(city)[1][0] == "missing"


def test_retention_is_no_hole(city: City) -> None:
    delete(city, "1")
    much_later = NOON + timedelta(days=440)
    assert look(city, much_later) == ([], ["ok"])
    assert look(city)[1][0] == "missing"


def test_lost_dead_letters_are_named(city: City) -> None:
    city.break_off(b"not json", n_events=2)
    city.send(an_event("page_view", "", 300, NOON))
    city.stream()
    assert city.count() == []
    assert look(city) == ([], ["ok"])
    city.warehouse.command("TRUNCATE TABLE dead_letters")
    assert examine_books(city.settings, TOMORROW)[0].detail.startswith("2 events of the log's records 41 to 41")
    repair(city.settings, ALL)
    assert look(city) == ([], ["ok"])


@contextmanager
def a_city_of_fifty_clicks(home: Path) -> Iterator[tuple[RunningStack, ClickHouseWarehouse, City]]:
    """A stack of its own, whose files may be damaged, and fifty events in one part of its warehouse."""
    with (
        running_stack(home, only=("warehouse", "valkey")) as stack,
        closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse,
    ):
        migrate(warehouse)
        city = City(stack, home / "city")
        city.catalogue("i1")
        city.send(*clicks(50))
        city.stream()
        assert city.count() == []
        yield stack, warehouse, city
        city.close()


def test_a_part_that_a_start_finds_broken_is_an_alarm(tmp_path: Path) -> None:
    with a_city_of_fifty_clicks(tmp_path) as (stack, warehouse, city):
        (part,) = warehouse.rows("SELECT path FROM system.parts WHERE active AND table = 'events' AND rows = 50")
        file = Path(part["path"]) / "data.bin"
        os.truncate(file, file.stat().st_size // 2)
        stack.wait_restarted("warehouse", stack.kill("warehouse"))
        wait_for(warehouse.ping, 60, "the warehouse")
        said = alarms(city.settings, TOMORROW)
        assert [word in " ".join(said) for word in ("are detached", "damaged", "50 events of 202601 fewer")] == [
            True
        ] * 3
        assert examine_books(city.settings, TOMORROW)[0].state == "missing"
        assert repair(city.settings, ALL).new == 50
        assert examine_books(city.settings, TOMORROW)[0].state == "ok"


def test_a_part_that_reads_wrong_is_told_and_once_taken_out_its_records_are_named_and_filled_in(tmp_path: Path) -> None:
    with a_city_of_fifty_clicks(tmp_path) as (_, warehouse, city):
        (part,) = warehouse.rows("SELECT name, path FROM system.parts WHERE active AND table = 'events' AND rows = 50")
        file = Path(part["path"]) / "data.bin"
        file.write_bytes(b"?" * file.stat().st_size)
        (found,) = examine_books(city.settings, TOMORROW)
        assert (found.state, part["name"] in found.detail) == ("missing", True)
        assert "DETACH PART" in found.detail
        warehouse.command(f"ALTER TABLE events DETACH PART '{part['name']}'")
        found = examine_books(city.settings, TOMORROW)[0]
        assert found.detail.startswith("50 events of the log's records 1 to 50 are missing; `civicrec events reprocess")
        assert repair(city.settings, ALL).new == 50
        assert examine_books(city.settings, TOMORROW)[0].state == "ok"
