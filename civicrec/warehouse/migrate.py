"""Bring a warehouse's tables up to date: each numbered file in ``migrations/`` runs once.

In: a warehouse, possibly empty. Out: the database with every migration in its ``migrations`` table.
Two processes may do this at once: every statement of a migration must be one that can run twice
(``IF NOT EXISTS`` and the like), because ClickHouse has no transaction around DDL and a crash may leave half.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any, Protocol

_TRACKING = """
CREATE TABLE IF NOT EXISTS migrations (name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplacingMergeTree ORDER BY name
"""
_STATEMENT_END = re.compile(r";[ \t]*(?:\n|$)")


class Migratable(Protocol):
    """The part of a warehouse that a migration uses."""

    def create_database(self) -> None:
        """Make the configured database unless it is there."""
        ...

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT."""
        ...

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""
        ...


def statements(sql: str) -> list[str]:
    r"""Split a migration into statements: each ends with ``;`` at the end of a line.

    Examples
    --------
    >>> statements("-- why\nCREATE TABLE a (b String DEFAULT ';');\nDROP TABLE c;\n")
    ["-- why\nCREATE TABLE a (b String DEFAULT ';')", 'DROP TABLE c']
    """
    return [part.strip() for part in _STATEMENT_END.split(sql) if part.strip()]


def migrations() -> list[tuple[str, str]]:
    """Return (name, SQL) of every migration, in order."""
    folder = resources.files("civicrec.warehouse") / "migrations"
    found = [(file.name, file.read_text()) for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted(found)


def migrate(warehouse: Migratable) -> list[str]:
    """Run the migrations that have not run yet; return their names.

    Raises
    ------
    Unavailable
        If the warehouse cannot be reached; what ran stays, the rest runs next time.
    """
    warehouse.create_database()
    warehouse.command(_TRACKING)
    applied = {row["name"] for row in warehouse.rows("SELECT DISTINCT name FROM migrations")}
    pending = [(name, sql) for name, sql in migrations() if name not in applied]
    for name, sql in pending:
        for statement in statements(sql):
            warehouse.command(statement)
        warehouse.command("INSERT INTO migrations (name) SELECT {name:String}", {"name": name})
    return [name for name, _ in pending]
