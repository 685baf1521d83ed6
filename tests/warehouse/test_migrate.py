"""Migrations of the warehouse: from the first version on, once each, whoever comes at once."""

import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from civicrec.errors import ConfigError, InvalidInput
from civicrec.migrations import statements
from civicrec.warehouse import migrate as warehouse_migrate
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate, migrations, to_run
from tests.services.clickhouse import ADDRESS, WHY_NOT, server_settings

TABLES = {
    "analyst_keys", "catalogue", "events", "dead_letters", "actor_tags", "item_numbers", "item_tags", "item_facts",
    "segment_members", "served", "migrations",
}  # fmt: skip
NAMES = [name for name, _ in migrations()]
AT = "2026-01-31 08:00:00.123"
#: The tables of version 0.1.0. Never to be changed: such warehouses are out there.
FIRST_VERSION = """
CREATE TABLE events (
    event_id UUID, kind LowCardinality(String), occurred_at DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC'),
    local_date Date, site LowCardinality(String), channel LowCardinality(String), actor String, anonymous_id String,
    subject_id String, session_id String, item_id String, item_type LowCardinality(String), item_known UInt8,
    request_id String, scene LowCardinality(String), slot LowCardinality(String), position Nullable(UInt16),
    variant LowCardinality(String), campaign_id String, query String, url_path String, title String,
    referrer_type LowCardinality(String), active_ms Nullable(UInt32), scroll_pct Nullable(UInt8),
    value Nullable(Float64), device LowCardinality(String), region LowCardinality(String),
    bot_reason LowCardinality(String), consent LowCardinality(String), props String, log_offset UInt64
) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(occurred_at) ORDER BY (site, local_date, kind, event_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
CREATE TABLE dead_letters (
    log_offset UInt64, piece UInt32, seen_at DateTime64(3, 'UTC'), reason LowCardinality(String), detail String,
    step LowCardinality(String), version LowCardinality(String), raw String
) ENGINE = ReplacingMergeTree ORDER BY (log_offset, piece)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
CREATE TABLE item_daily (
    day Date, item_id String, impressions UInt64, clicks UInt64, reads UInt64, active_ms UInt64, actors UInt64,
    bot_events UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMMDD(day) ORDER BY (day, item_id);
CREATE TABLE traffic_daily (
    day Date, site LowCardinality(String), channel LowCardinality(String), kind LowCardinality(String), events UInt64,
    actors UInt64, sessions UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMMDD(day) ORDER BY (day, site, channel, kind);
CREATE TABLE actor_tags (
    day Date, actor String, tag LowCardinality(String), weight Float64, evidence UInt32, last_at DateTime64(3, 'UTC')
) ENGINE = MergeTree PARTITION BY toYYYYMMDD(day) ORDER BY (day, actor, tag);
CREATE TABLE migrations (name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplacingMergeTree ORDER BY name;
INSERT INTO migrations (name) SELECT '0001_tables.sql';
"""
#: Some rows of each of them, one with every column set.
FIRST_ROWS = {
    "events": {
        "event_id": ["01980000-0000-7000-8000-000000000001", "01980000-0000-7000-8000-000000000002"],
        "kind": ["click", "search"], "site": ["gz", ""], "item_id": ["甲", ""], "query": ["", "住房"],
        "position": [3, None], "value": [None, 0.5], "log_offset": [1, 2],
    },
    "dead_letters": {"log_offset": [3], "piece": [0], "reason": ["bad_json"], "raw": ["{"]},
    "item_daily": {"item_id": ["甲"], "impressions": [9], "clicks": [1]},
    "traffic_daily": {"site": ["gz"], "kind": ["click"], "events": [1], "actors": [1], "sessions": [1]},
    "actor_tags": {"actor": ["a"], "tag": ["theme:住房"], "weight": [0.25], "evidence": [2]},
}  # fmt: skip

Elsewhere = Callable[[str], ClickHouseWarehouse]


def make_first_version(warehouse: ClickHouseWarehouse) -> None:
    warehouse.create_database()
    for statement in statements(FIRST_VERSION):
        warehouse.command(statement)
    for table, columns in FIRST_ROWS.items():
        warehouse.insert(table, columns)


def all_rows(warehouse: ClickHouseWarehouse) -> dict[str, list[dict[str, object]]]:
    """Every row of those of the first version's tables that are still there, in the first version's columns."""
    kept = {}
    for table in TABLES & FIRST_ROWS.keys():
        columns = statements(FIRST_VERSION)[list(FIRST_ROWS).index(table)].split("(", 1)[1].split(") ENGINE")[0]
        names = [part.split()[0] for part in columns.replace("(3, 'UTC')", "").split(",")]
        kept[table] = warehouse.rows(f"SELECT {', '.join(names)} FROM {table} ORDER BY ALL")
    return kept


def schema(warehouse: ClickHouseWarehouse) -> list[dict[str, object]]:
    """What the warehouse says its tables are."""
    columns = "table, name, type, default_kind, default_expression, is_in_sorting_key, is_in_partition_key"
    tables = "name, engine, engine_full, partition_key, sorting_key"
    return [
        *warehouse.rows(
            f"SELECT {columns} FROM system.columns WHERE database = currentDatabase() ORDER BY table, name"
        ),
        *warehouse.rows(f"SELECT {tables} FROM system.tables WHERE database = currentDatabase() ORDER BY name"),
    ]


def add_a_migration(monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    monkeypatch.setattr(warehouse_migrate, "migrations", lambda: [*migrations(), ("9999_next.sql", sql)])


def test_a_migration_is_cut_at_semicolons_that_end_a_line() -> None:
    assert statements("CREATE TABLE a (b String DEFAULT ';');\n-- two;three\nDROP TABLE a ;\n\n") == [
        "CREATE TABLE a (b String DEFAULT ';')", "-- two;three\nDROP TABLE a",
    ]  # fmt: skip


def test_migrations_are_numbered_without_gaps() -> None:
    assert [int(name[:4]) for name in NAMES] == list(range(1, len(NAMES) + 1))


@pytest.mark.stack
def test_a_warehouse_of_the_first_version_keeps_what_is_read_and_becomes_like_a_new_one(elsewhere: Elsewhere) -> None:
    old, new = elsewhere("old"), elsewhere("new")
    make_first_version(old)
    before = all_rows(old)
    assert {table: len(rows) for table, rows in before.items()} == {"events": 2, "dead_letters": 1, "actor_tags": 1}
    assert to_run(old) == migrate(old) == NAMES[1:]
    migrate(new)
    assert all_rows(old) == before
    assert schema(old) == schema(new)


@pytest.mark.stack
def test_a_later_migration_runs_once_on_a_warehouse_in_use(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = elsewhere("used")
    make_first_version(warehouse)
    migrate(warehouse)
    before = all_rows(warehouse)
    add_a_migration(monkeypatch, "ALTER TABLE events ADD COLUMN IF NOT EXISTS shade UInt8 DEFAULT 7;\n")
    assert to_run(warehouse) == ["9999_next.sql"]
    assert migrate(warehouse) == ["9999_next.sql"]
    assert to_run(warehouse) == migrate(warehouse) == []
    assert all_rows(warehouse) == before
    assert warehouse.rows("SELECT shade FROM events") == [{"shade": 7}] * 2


@pytest.mark.stack
def test_a_migration_that_failed_half_way_runs_again(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = elsewhere("half")
    migrate(warehouse)
    first = "ALTER TABLE events ADD COLUMN IF NOT EXISTS shade UInt8 DEFAULT 7;\n"
    add_a_migration(monkeypatch, first + "ALTER TABLE nowhere ADD COLUMN a UInt8;\n")
    with pytest.raises(InvalidInput, match="nowhere"):
        migrate(warehouse)
    assert to_run(warehouse) == ["9999_next.sql"]
    add_a_migration(monkeypatch, first)
    assert migrate(warehouse) == ["9999_next.sql"]


@pytest.mark.stack
def test_a_warehouse_of_a_newer_version_is_one_clear_error(elsewhere: Elsewhere) -> None:
    warehouse = elsewhere("newer")
    migrate(warehouse)
    warehouse.command("INSERT INTO migrations (name) SELECT '9998_of_tomorrow.sql'")
    for ask in (migrate, to_run):
        with pytest.raises(ConfigError, match=r"newer civicrec: it has 9998_of_tomorrow\.sql.*restore a backup"):
            ask(warehouse)


@pytest.mark.stack
def test_migrating_twice_changes_nothing(elsewhere: Elsewhere) -> None:
    warehouse = elsewhere("twice")
    assert migrate(warehouse) == NAMES
    assert migrate(warehouse) == []
    assert {row["name"] for row in warehouse.rows("SHOW TABLES")} == TABLES


@pytest.mark.stack
def test_two_processes_may_migrate_at_once(elsewhere: Elsewhere) -> None:
    faults: list[BaseException] = []
    racers = [elsewhere("race") for _ in range(4)]

    def one(warehouse: ClickHouseWarehouse) -> None:
        try:
            migrate(warehouse)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=one, args=(racer,)) for racer in racers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    warehouse = racers[0]
    assert {row["name"] for row in warehouse.rows("SHOW TABLES")} == TABLES
    assert warehouse.rows("SELECT uniqExact(name) AS n FROM migrations") == [{"n": len(migrations())}]


@pytest.mark.skipif(not ADDRESS, reason=WHY_NOT)
def test_the_server_that_is_named_is_a_clickhouse_server() -> None:
    with closing(ClickHouseWarehouse(server_settings("default"))) as server:
        assert server.rows("SELECT version() AS v")[0]["v"]


@pytest.mark.stack
def test_the_gateway_has_migrated_before_it_says_it_is_ready(warehouse: ClickHouseWarehouse) -> None:
    assert warehouse.rows("SELECT count() AS n FROM events") == [{"n": 0}]


@pytest.mark.stack
def test_tables_of_the_stream_survive_a_power_cut_and_a_retry(warehouse: ClickHouseWarehouse) -> None:
    tables = warehouse.rows("SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()")
    kept = {row["name"] for row in tables if "fsync_after_insert = 1" in row["engine_full"]}
    named = {row["name"] for row in tables if "non_replicated_deduplication_window" in row["engine_full"]}
    assert kept == named == {"events", "dead_letters", "served"}
