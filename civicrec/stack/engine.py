"""The chDB engine, opened once per data folder and used by several threads.

In: SQL, parameters, settings, insert bodies. Out: bytes in the format asked, or `EngineError` with ClickHouse's code.
Each running statement has its own chDB connection, taken from a bounded pool: settings and the current database belong
to a connection, so they are compared with what the statement wants and changed only where they differ (0.1 ms each).
"""

from __future__ import annotations

import json
import queue
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from civicrec.errors import ConfigError

TOO_MANY_SIMULTANEOUS_QUERIES = 202
#: Longest SQL text, as opposed to rows. ClickHouse's own limit of 256 KiB is soon passed by a list of ids.
MAX_SQL_BYTES = 4 << 20
#: In force on every connection unless a request says otherwise: one wild query must not take the whole machine.
DEFAULTS = {
    "max_memory_usage": str(4 << 30),
    "max_result_bytes": str(1 << 30),
    "max_query_size": str(MAX_SQL_BYTES + 1),
    "max_execution_time": "3600",
}

_CODE = re.compile(r"Code: (\d+)\. ")
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EngineError(Exception):
    """A statement failed; `code` is ClickHouse's error number."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def engine_error(error: Exception) -> EngineError:
    """Read the code out of chDB's message, which starts anywhere with ``Code: 60. DB::Exception: ...``."""
    text = str(error)
    found = _CODE.search(text)
    if found is None:
        return EngineError(1002, f"Code: 1002. DB::Exception: {text} (UNKNOWN_EXCEPTION)")
    return EngineError(int(found.group(1)), text[found.start() :].strip())


def quoted(text: str) -> str:
    """Write a SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as the engine runs it.

    Attributes
    ----------
    sql
        For an insert with a body: up to and without ``FORMAT``.
    format
        Output format when the SQL names none; for an insert with a body, the body's format.
    body
        Rows to insert; None for every other statement.
    parameters
        Values of ``{name:Type}``, in ClickHouse's text form.
    settings
        Engine settings for this statement only.
    database
        Current database.
    """

    sql: str
    format: str = "TabSeparated"
    body: bytes | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    database: str = "default"


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: its bytes, rows read and rows written."""

    data: bytes = b""
    read_rows: int = 0
    written_rows: int = 0


class _Connection:
    """One chDB connection with the settings it has at the moment."""

    def __init__(self, path: Path) -> None:
        import chdb

        self._chdb = chdb.connect(str(path))
        self._settings: dict[str, str] = {}
        self._database = "default"

    def _arrange(self, statement: Statement) -> None:
        wanted = {**DEFAULTS, **statement.settings}
        for name in self._settings.keys() - wanted.keys():
            self._chdb.query(f"SET {name} = DEFAULT", "TabSeparated")
            del self._settings[name]
        for name, value in wanted.items():
            if self._settings.get(name) == value:
                continue
            if not _SETTING_NAME.fullmatch(name):
                raise EngineError(115, f"Code: 115. DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)")
            self._chdb.query(f"SET {name} = {quoted(value)}", "TabSeparated")
            self._settings[name] = value
        if self._database != statement.database:
            self._chdb.query(f"USE {_identifier(statement.database)}", "TabSeparated")
            self._database = statement.database

    def run(self, statement: Statement) -> Result:
        try:
            self._arrange(statement)
            if statement.body is None:
                answer = self._chdb.query(statement.sql, statement.format, params=dict(statement.parameters))
                return Result(answer.bytes() or b"", answer.rows_read(), answer.rows_written())
            if not statement.body:
                return Result()
            inserter: Any = self._chdb.send_insert(statement.sql, statement.format)
            try:
                inserter.append(statement.body)
                done = inserter.finish()
            finally:
                inserter.close()
            return Result(written_rows=done.rows_written)
        except RuntimeError as error:
            raise engine_error(error) from error

    def close(self) -> None:
        self._chdb.close()


def _identifier(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


class Engine:
    """A pool of connections to the engine of one data folder; safe to use from any thread."""

    def __init__(self, path: Path, connections: int) -> None:
        """Open the folder.

        Raises
        ------
        ConfigError
            If the engine refuses the folder, for example because another program holds it.
        """
        self._path = path
        self._idle: queue.LifoQueue[_Connection] = queue.LifoQueue()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._all = [_Connection(path) for _ in range(connections)]
        except (OSError, RuntimeError) as error:
            raise ConfigError(
                f"the warehouse engine cannot open {path}: {error}; "
                "stop the program that holds it, or make the folder writable"
            ) from error
        for connection in self._all:
            self._idle.put(connection)

    def run(self, statement: Statement, wait_s: float = 30.0) -> Result:
        """Run one statement on a free connection, waiting for one up to `wait_s` seconds.

        Raises
        ------
        EngineError
            With ClickHouse's code; 202 if no connection came free.
        """
        try:
            connection = self._idle.get(timeout=wait_s)
        except queue.Empty:
            raise EngineError(
                TOO_MANY_SIMULTANEOUS_QUERIES,
                f"Code: 202. DB::Exception: {len(self._all)} statements are running, this one waited {wait_s:.0f} s; "
                "try again. (TOO_MANY_SIMULTANEOUS_QUERIES)",
            ) from None
        try:
            return connection.run(statement)
        finally:
            self._idle.put(connection)

    def close(self) -> None:
        """Close every connection; statements still running are waited for by chDB."""
        for connection in self._all:
            with suppress(RuntimeError):
                connection.close()


class EngineWarehouse:
    """What a migration needs of a warehouse, straight on the engine, before any client can connect."""

    def __init__(self, engine: Engine, database: str) -> None:
        self._engine = engine
        self.database = database

    def create_database(self) -> None:
        """Make the database unless it is there."""
        self._engine.run(Statement(f"CREATE DATABASE IF NOT EXISTS {_identifier(self.database)}"))

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT and return its rows."""
        return [json.loads(line) for line in self._run(sql, "JSONEachRow", parameters).data.splitlines()]

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that returns no rows."""
        self._run(sql, "TabSeparated", parameters)

    def _run(self, sql: str, fmt: str, parameters: Mapping[str, Any] | None) -> Result:
        values = {name: str(value) for name, value in (parameters or {}).items()}
        return self._engine.run(Statement(sql, fmt, parameters=values, database=self.database))
