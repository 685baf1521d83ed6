"""Migrations of the registry, on both databases: from the first version on, once each, whoever comes at once."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, inspect, text

from civicrec.errors import ConfigError
from civicrec.items import item_json
from civicrec.registry import migrate as registry_migrate
from civicrec.registry.catalogue import Upserted, catalogue_version, items_since, set_status, upsert_items
from civicrec.registry.choices import choices
from civicrec.registry.connection import connect
from civicrec.registry.migrate import migrate, migrations, to_run
from civicrec.registry.runs import latest_run
from civicrec.registry.tables import metadata, open_registry
from tests.item_builders import an_item

NAMES = [name for name, _ in migrations()]
AT = "2026-01-31 08:00:00.000000"
#: What version 0.1.0 made before migrations were numbered. Never to be changed: such registries are out there.
FIRST_VERSION = """
CREATE TABLE audit (
    id {serial} NOT NULL, at {time} NOT NULL, who VARCHAR(64) NOT NULL, action VARCHAR(64) NOT NULL,
    object_id VARCHAR(128) NOT NULL, facts JSON NOT NULL, PRIMARY KEY (id)
);
CREATE TABLE counters (name VARCHAR(64) NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (name));
CREATE TABLE items (
    item_id VARCHAR(128) NOT NULL, item_type VARCHAR(16) NOT NULL, status VARCHAR(16) NOT NULL,
    title VARCHAR(500) NOT NULL, changed_in INTEGER NOT NULL, body {bytes} NOT NULL, PRIMARY KEY (item_id)
);
CREATE INDEX items_changed_in ON items (changed_in);
CREATE TABLE runs (
    run VARCHAR(64) NOT NULL, day VARCHAR(10) NOT NULL, finished_at {time} NOT NULL, manifest JSON NOT NULL,
    PRIMARY KEY (run)
);
CREATE TABLE suppressed_tags (
    actor VARCHAR(64) NOT NULL, tag VARCHAR(128) NOT NULL, since {time} NOT NULL, PRIMARY KEY (actor, tag)
);
"""
TYPES = {
    "sqlite": {"serial": "INTEGER", "time": "DATETIME", "bytes": "BLOB"},
    "postgresql": {"serial": "SERIAL", "time": "TIMESTAMP WITH TIME ZONE", "bytes": "BYTEA"},
}


def make_first_version(connection: Connection) -> None:
    """Make the tables and put a row in each."""
    for statement in FIRST_VERSION.format(**TYPES[connection.dialect.name]).split(";\n"):
        if statement.strip():
            connection.execute(text(statement))
    for n, name in enumerate("ab", 1):
        connection.execute(
            text("INSERT INTO items VALUES (:id, 'policy', 'online', :title, :n, :body)"),
            {"id": name, "title": f"关于{name}的通知", "n": n, "body": item_json(an_item(name))},
        )
    for row in (
        "counters VALUES ('catalogue_version', 2)",
        f"""runs VALUES ('run-1', '2026-01-31', '{AT}', '{{"items"\\: 2}}')""",
        f"suppressed_tags VALUES ('actor', 'theme\\:住房', '{AT}')",
        f"""audit (at, who, action, object_id, facts) VALUES ('{AT}', 'editor', 'item_online', 'a', '{{}}')""",
    ):
        connection.execute(text(f"INSERT INTO {row}"))


#: Tables of the first version and what it had in each; later migrations may add more.
FIRST_ROWS = {
    "items": "SELECT item_id, item_type, status, title, changed_in, body FROM items",
    "counters": "SELECT * FROM counters WHERE name = 'catalogue_version'",
    "runs": "SELECT run, day, finished_at, manifest FROM runs",
    "suppressed_tags": "SELECT * FROM suppressed_tags",
}


def all_rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {
            name: sorted(tuple(row) for row in connection.execute(text(query))) for name, query in FIRST_ROWS.items()
        } | {"audit": [tuple(row) for row in connection.execute(text("SELECT who, object_id FROM audit ORDER BY id"))]}


def schema(engine: Engine) -> dict[str, object]:
    """What the database says its tables are."""
    found = inspect(engine)
    return {
        table: (
            [(one["name"], str(one["type"]), one["nullable"]) for one in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted((one["name"], tuple(one["column_names"])) for one in found.get_indexes(table)),
        )
        for table in found.get_table_names()
    }


def add_a_migration(monkeypatch: pytest.MonkeyPatch, sql: str, name: str = "9999_next.sql") -> None:
    monkeypatch.setattr(registry_migrate, "migrations", lambda: [*migrations(), (name, sql)])


def test_migrations_are_numbered_without_gaps() -> None:
    assert [int(name[:4]) for name in NAMES] == list(range(1, len(NAMES) + 1))


def test_a_registry_of_the_first_version_keeps_every_row_and_becomes_like_a_new_one(
    new_address: Callable[[], str],
) -> None:
    old, new = connect(new_address()), open_registry(new_address())
    with old.begin() as connection:
        make_first_version(connection)
    before = all_rows(old)
    assert to_run(old) == NAMES
    assert migrate(old) == NAMES
    assert to_run(old) == migrate(old) == []
    assert all_rows(old) == before
    assert schema(old) == schema(new)
    assert items_since(old) == (2, [an_item("a"), an_item("b")])
    assert upsert_items(old, [an_item("b", title="新标题"), an_item("c")]) == Upserted(1, 1, 0)
    set_status(old, ["a"], "withdrawn", who="editor", why="", now=datetime(2026, 2, 1, tzinfo=UTC))
    assert (catalogue_version(old), all_rows(old)["audit"]) == (
        4, [("editor", "a"), ("operator", "b"), ("operator", "c"), ("editor", "a")]
    )  # fmt: skip
    assert latest_run(old) == ("run-1", {"items": 2})
    assert choices(old).deleted == {("actor", "theme:住房")}
    for engine in (old, new):
        engine.dispose()


def test_the_code_speaks_of_the_tables_as_the_migrations_made_them(registry: Engine) -> None:
    made = inspect(registry)
    assert set(made.get_table_names()) == {*metadata.tables, "migrations"}
    for name, table in metadata.tables.items():
        assert [(one["name"], one["nullable"]) for one in made.get_columns(name)] == [
            (column.name, column.nullable) for column in table.columns
        ]
        lengths = {one["name"]: getattr(one["type"], "length", None) for one in made.get_columns(name)}
        assert lengths == {column.name: getattr(column.type, "length", None) for column in table.columns}
        assert made.get_pk_constraint(name)["constrained_columns"] == [column.name for column in table.primary_key]
        assert {one["name"] for one in made.get_indexes(name)} == {index.name for index in table.indexes}


def test_a_later_migration_runs_once_on_a_registry_in_use(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    upsert_items(registry, [an_item("a")])
    add_a_migration(
        monkeypatch,
        "ALTER TABLE items ADD COLUMN owner VARCHAR(64) NOT NULL DEFAULT '';\nUPDATE items SET owner = '50%:x';\n",
    )
    assert migrate(registry) == ["9999_next.sql"]
    assert migrate(registry) == []
    with registry.connect() as connection:
        assert connection.execute(text("SELECT item_id, owner FROM items")).all() == [("a", "50%:x")]


def test_a_migration_that_fails_half_way_leaves_nothing(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = schema(registry)
    add_a_migration(monkeypatch, "CREATE TABLE half (a INTEGER);\nINSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(Exception, match="nowhere"):
        migrate(registry)
    assert schema(registry) == before
    assert to_run(registry) == ["9999_next.sql"]


def test_a_registry_of_a_newer_version_is_one_clear_error_and_stays_as_it_is(address: str, registry: Engine) -> None:
    with registry.begin() as connection:
        connection.execute(text("INSERT INTO migrations (name) VALUES ('9998_of_tomorrow.sql')"))
    with pytest.raises(ConfigError, match=r"newer civicrec: it has 9998_of_tomorrow\.sql.*restore a backup"):
        open_registry(address)


#: A statement that takes a moment.
PAUSE = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999999) SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(0.3)",
}


def test_who_comes_while_a_migration_runs_waits_and_runs_nothing_twice(
    address: str, registry: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_a_migration(monkeypatch, f"{PAUSE[registry.dialect.name]};\nCREATE TABLE once (a INTEGER);\n")
    all_looked = threading.Barrier(3)
    look = registry_migrate.to_run
    monkeypatch.setattr(registry_migrate, "to_run", lambda engine: (look(engine), all_looked.wait())[0])

    def come(_: int) -> list[str]:
        engine = connect(address)
        try:
            return migrate(engine)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(come, range(3))) == [[], [], ["9999_next.sql"]]


def test_processes_that_open_an_empty_database_at_once_all_succeed(new_address: Callable[[], str]) -> None:
    code = (
        "import sys; from civicrec.registry.tables import open_registry;"
        "from civicrec.registry.catalogue import catalogue_version;"
        "print('ready', flush=True); sys.stdin.readline();"
        "print(*(catalogue_version(open_registry(address)) for address in sys.argv[1:]))"
    )
    addresses = [new_address() for _ in range(5)]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, *addresses], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    assert [child.communicate("go\n")[0] for child in children] == ["0 0 0 0 0\n"] * 3
    for made in addresses:
        engine = connect(made)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT name FROM migrations")).scalars().all() == NAMES
        engine.dispose()
