"""The analysts' database: views that hold no identity, made anew at each start, under a key of the day.

In: a warehouse and the tags that are sensitive. Out: the database `DATABASE`, and the statements by which a ClickHouse
server gives somebody nothing but that. Views run with the rights of who made them (SQL SECURITY DEFINER), so that a
reader needs no right to the tables below: https://clickhouse.com/docs/sql-reference/statements/create/view#sql_security
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Protocol

from civicrec.errors import InvalidInput
from civicrec.warehouse.analyst_tables import TABLES, AnalystTable

DATABASE = "analyst"
"""Where the views stand; the embedded engine's role and a server's grants name it."""

ROLE = "civicrec_analyst"
"""The role and the settings profile on a ClickHouse server."""

LIMITS: Mapping[str, int] = {
    "max_execution_time": 60,
    "max_memory_usage": 1 << 30,
    "max_rows_to_read": 200_000_000,
    "max_result_rows": 1_000_000,
    "max_result_bytes": 256 << 20,
}
"""What one statement of an analyst may take: seconds, bytes of memory, rows read, rows and bytes of the answer."""


NEW_KEY = "INSERT INTO `{database}`.analyst_keys SELECT now64(3), rand64(1), rand64(2)"
"""How a server makes itself a key, where none is sent to it."""


class Definable(Protocol):
    """The part of a warehouse that makes views."""

    @property
    def database(self) -> str:
        """Name of the database it works in."""
        ...

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement that returns no rows; return how many it wrote."""
        ...


def make_views(warehouse: Definable, sensitive: Collection[str], now: datetime) -> None:
    """Make the analysts' database what this version says; pseudonyms are others from now on.

    Parameters
    ----------
    sensitive
        Tags that no analyst sees.

    Raises
    ------
    InvalidInput
        If the warehouse's own database has the name of the analysts'.
    Unavailable
        If the warehouse cannot be reached.
    """
    change_key(warehouse, now)
    for statement in view_statements(warehouse.database, sensitive):
        warehouse.command(statement)


def change_key(warehouse: Definable, now: datetime) -> None:
    """Give every actor, session and list another pseudonym: what was noted under the old ones leads to nobody."""
    warehouse.command(
        "INSERT INTO analyst_keys SELECT fromUnixTimestamp64Milli({at:Int64}, 'UTC'), {key_0:UInt64}, {key_1:UInt64}",
        {
            "at": int(now.timestamp() * 1000),
            "key_0": secrets.randbits(64),
            "key_1": secrets.randbits(64),
        },
    )


def view_statements(database: str, sensitive: Collection[str]) -> list[str]:
    """Return the statements that make the analysts' database over another one.

    Raises
    ------
    InvalidInput
        If both have one name.
    """
    if database == DATABASE:
        raise InvalidInput(
            f"the warehouse's database is called {database!r}, as the analysts' views are; name another one in "
            "CIVICREC_WAREHOUSE__DATABASE"
        )
    return [f"CREATE DATABASE IF NOT EXISTS {DATABASE}", *(_view(one, database, sensitive) for one in TABLES)]


def grant_statements(user: str, password: str) -> list[str]:
    """Return the statements that give a user of a ClickHouse server the analysts' database, within limits.

    The password goes in as its SHA-256, so that the statements may stand in a file.

    Raises
    ------
    InvalidInput
        If the user's name is no plain word.
    """
    if not re.fullmatch(r"\w{1,64}", user, re.ASCII):
        raise InvalidInput(f"the user {user[:70]!r} cannot be made; expected 1 to 64 letters, digits or _")
    limits = ", ".join(f"{name} = {most} MIN 1 MAX {most}" for name, most in LIMITS.items())
    name, digest = f"`{user}`", hashlib.sha256(password.encode()).hexdigest()
    return [
        f"CREATE ROLE IF NOT EXISTS {ROLE}",
        f"REVOKE ALL ON *.* FROM {ROLE}",
        f"GRANT SELECT ON {DATABASE}.* TO {ROLE}",
        f"CREATE SETTINGS PROFILE OR REPLACE {ROLE} SETTINGS {limits}, readonly = 1 CONST TO {ROLE}",
        f"CREATE USER OR REPLACE {name} IDENTIFIED WITH sha256_hash BY '{digest}' DEFAULT DATABASE {DATABASE}",
        f"GRANT {ROLE} TO {name}",
        f"ALTER USER {name} DEFAULT ROLE {ROLE}",
    ]


def _view(table: AnalystTable, database: str, sensitive: Collection[str]) -> str:
    places = {"database": _quoted_name(database), "sensitive": ", ".join(map(_quoted, ["", *sorted(sensitive)]))}
    columns = ", ".join(f"{one.name} {one.kind} COMMENT {_quoted(one.comment)}" for one in table.columns)
    selected = ", ".join(f"{one.expression or one.name} AS {one.name}" for one in table.columns)
    return (
        f"CREATE OR REPLACE VIEW {DATABASE}.{table.name} ({columns}) DEFINER = CURRENT_USER SQL SECURITY DEFINER "
        f"AS SELECT {selected} FROM {table.source} COMMENT {_quoted(table.comment)}"
    ).format(**places)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted_name(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
