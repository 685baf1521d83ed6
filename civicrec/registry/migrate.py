"""Bring a registry's tables up to date, on SQLite and PostgreSQL alike: each file of ``migrations/`` runs once.

In: an engine, of a registry that may be empty. Out: the tables, with every migration in the table ``migrations``.
What is pending runs in one transaction that only one process can be in, so a migration is there whole or not at all and
its statements need not bear running twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from string import Template

from sqlalchemy import Connection, Engine, inspect, text

from civicrec.migrations import migrations_of, pending, statements
from civicrec.registry.chain_old_rows import chain_old_rows

#: What a migration calls its types → what each database calls them.
_TYPES = {
    "sqlite": {"bytes": "BLOB", "time": "DATETIME", "serial": "INTEGER"},
    "postgresql": {"bytes": "BYTEA", "time": "TIMESTAMP WITH TIME ZONE", "serial": "SERIAL"},
}
_TRACKING = """
CREATE TABLE IF NOT EXISTS migrations
(
    name       VARCHAR(128) NOT NULL PRIMARY KEY,
    applied_at $time        NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""
#: What a migration does after its SQL, where SQL cannot.
_THEN: Mapping[str, Callable[[Connection], None]] = {"0010_audit_chain.sql": chain_old_rows}
#: Key of the advisory lock that one migrating process holds; any number that nothing else in the database uses.
_LOCK = 0x0C17_1C2E_C0DE


def migrations() -> list[tuple[str, str]]:
    """Return (name, SQL) of every migration, in order."""
    return migrations_of("civicrec.registry")


def to_run(engine: Engine) -> list[str]:
    """Return the names of the migrations this registry lacks; changes nothing.

    Raises
    ------
    ConfigError
        If a newer version has migrated it.
    """
    with engine.connect() as connection:
        return [name for name, _ in _pending(connection)]


def migrate(engine: Engine) -> list[str]:
    """Run the migrations that have not run yet; return their names.

    Raises
    ------
    ConfigError
        If a newer version has migrated it; nothing is changed.
    """
    if not to_run(engine):
        return []  # without the lock: most processes find nothing to do, and a reader may have no right to write
    types = _TYPES[engine.dialect.name]
    with _alone(engine) as connection:
        connection.execution_options(no_parameters=True)  # a % is a % then
        todo = _pending(connection)
        connection.exec_driver_sql(Template(_TRACKING).substitute(types))
        for name, sql in todo:
            for statement in statements(Template(sql).substitute(types)):
                connection.exec_driver_sql(statement)
            if name in _THEN:
                _THEN[name](connection)
            connection.execute(text("INSERT INTO migrations (name) VALUES (:name)"), {"name": name})
    return [name for name, _ in todo]


def _pending(connection: Connection) -> list[tuple[str, str]]:
    is_tracked = inspect(connection).has_table("migrations")
    applied = connection.execute(text("SELECT name FROM migrations")).scalars().all() if is_tracked else []
    return pending(migrations(), applied, "the registry")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Hold a transaction that no other migrating process can be in."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            # Python's driver begins a transaction by itself only before a change of rows, not of tables.
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
    else:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield connection
