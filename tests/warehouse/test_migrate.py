import threading

import pytest

from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate, migrations, statements
from tests.running import RunningStack

TABLES = {"events", "dead_letters", "item_daily", "traffic_daily", "actor_tags", "migrations"}


def test_a_migration_is_cut_at_semicolons_that_end_a_line() -> None:
    assert statements("CREATE TABLE a (b String DEFAULT ';');\n-- two;three\nDROP TABLE a ;\n\n") == [
        "CREATE TABLE a (b String DEFAULT ';')", "-- two;three\nDROP TABLE a",
    ]  # fmt: skip


def test_migrations_are_numbered_without_gaps() -> None:
    assert [int(name[:4]) for name, _ in migrations()] == list(range(1, len(migrations()) + 1))


@pytest.mark.stack
def test_migrating_twice_changes_nothing(gateway: RunningStack) -> None:
    warehouse = ClickHouseWarehouse(gateway.settings.warehouse.model_copy(update={"database": "twice"}))
    assert migrate(warehouse) == [name for name, _ in migrations()]
    assert migrate(warehouse) == []
    assert {row["name"] for row in warehouse.rows("SHOW TABLES")} == TABLES


@pytest.mark.stack
def test_two_processes_may_migrate_at_once(gateway: RunningStack) -> None:
    faults: list[BaseException] = []

    def one() -> None:
        try:
            migrate(ClickHouseWarehouse(gateway.settings.warehouse.model_copy(update={"database": "race"})))
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    warehouse = ClickHouseWarehouse(gateway.settings.warehouse.model_copy(update={"database": "race"}))
    assert {row["name"] for row in warehouse.rows("SHOW TABLES")} == TABLES
    assert warehouse.rows("SELECT uniqExact(name) AS n FROM migrations") == [{"n": len(migrations())}]


@pytest.mark.stack
def test_the_gateway_has_migrated_before_it_says_it_is_ready(warehouse: ClickHouseWarehouse) -> None:
    assert warehouse.rows("SELECT count() AS n FROM events") == [{"n": 0}]


@pytest.mark.stack
def test_tables_of_the_stream_survive_a_power_cut_and_a_retry(warehouse: ClickHouseWarehouse) -> None:
    tables = warehouse.rows("SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()")
    kept = {row["name"] for row in tables if "fsync_after_insert = 1" in row["engine_full"]}
    named = {row["name"] for row in tables if "non_replicated_deduplication_window" in row["engine_full"]}
    assert kept == named == {"events", "dead_letters"}
