"""Bring a warehouse's tables up to date: each numbered file in ``migrations/`` runs once.

In: a warehouse, possibly empty. Out: the database with every migration in its ``migrations`` table. They all run again
where a table of theirs is missing.
Two processes may do this at once: every statement of a migration must be one that can run twice
(``IF NOT EXISTS`` and the like), because ClickHouse has no transaction around DDL and a crash may leave half.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from civicrec.migrations import migrations_of, pending, statements

_TRACKING = """
CREATE TABLE IF NOT EXISTS migrations (name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplacingMergeTree ORDER BY name
"""


class Migratable(Protocol):
    """The part of a warehouse that a migration uses."""

    def create_database(self) -> None:
        """Make the configured database unless it is there."""
        ...

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT."""
        ...

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement that returns no rows; return how many it wrote."""
        ...


def migrations() -> list[tuple[str, str]]:
    """Return (name, SQL) of every migration, in order."""
    return migrations_of("civicrec.warehouse")


def to_run(warehouse: Migratable) -> list[str]:
    """Return the names of the migrations this warehouse lacks; changes nothing.

    Raises
    ------
    ConfigError
        If a newer version has migrated it.
    Unavailable
        If it cannot be reached, or has no database yet.
    """
    return [name for name, _ in _pending(warehouse)]


def migrate(warehouse: Migratable) -> list[str]:
    """Run the migrations that have not run yet; return their names.

    Raises
    ------
    ConfigError
        If a newer version has migrated it; nothing is changed.
    Unavailable
        If the warehouse cannot be reached; what ran stays, the rest runs next time.
    """
    warehouse.create_database()
    warehouse.command(_TRACKING)
    todo = _pending(warehouse)
    for name, sql in todo:
        for statement in statements(sql):
            warehouse.command(statement)
        warehouse.command("INSERT INTO migrations (name) SELECT {name:String}", {"name": name})
    return [name for name, _ in todo]


def _pending(warehouse: Migratable) -> list[tuple[str, str]]:
    tables = {
        row["name"] for row in warehouse.rows("SELECT name FROM system.tables WHERE database = currentDatabase()")
    }
    applied = warehouse.rows("SELECT DISTINCT name FROM migrations") if "migrations" in tables else []
    todo = pending(migrations(), [row["name"] for row in applied], "the warehouse")
    # Somebody has dropped a table: each migration can run twice, and leaves alone what is there.
    return todo if todo or _tables() <= tables else migrations()


@cache
def _tables() -> frozenset[str]:
    """Return the tables there are after all migrations."""
    tables: set[str] = set()
    for _, sql in migrations():
        tables |= set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", sql))
        tables -= set(re.findall(r"DROP TABLE IF EXISTS (\w+)", sql))
    return frozenset(tables)
