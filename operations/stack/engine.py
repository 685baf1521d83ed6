"""The chDB engine, opened once per data folder and used by several threads.

In: SQL, parameters, settings, insert bodies. Out: bytes in the format asked, or `EngineError` with ClickHouse's code.
Each running statement has its own chDB connection, taken from a bounded pool: settings and the current database belong
to a connection, so they are compared with what the statement wants and changed only where they differ (0.1 ms each).
A connection that cannot be set back is closed, and another one opened (1 ms).
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import queue
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from civicrec.errors import ConfigError
from operations.stack.rights import BOUNDS, engine_address
from operations.stack.statements import defines

NOT_ENOUGH_SPACE = 243
TOO_MANY_SIMULTANEOUS_QUERIES = 202
MEMORY_LIMIT_EXCEEDED = 241
#: So much of the disk is wanted for the definition of a table, though nothing is to be left free.
_LEAST_SPARE_MB = 1
#: Longest SQL text, as opposed to rows. ClickHouse's own limit of 256 KiB is soon passed by a list of ids.
MAX_SQL_BYTES = BOUNDS["max_query_size"][1] - 1
#: In force on every connection unless a request asks for less.
DEFAULTS = {name: str(high) for name, (_, high) in BOUNDS.items()}

#: What stays with a connection, wherever in a text of several statements it stands.
_LASTING = re.compile(r"\b(?:SET|USE|TEMPORARY)\b", re.IGNORECASE)
#: Settings that stand in an insert's own text: the rows' file is named before them.
_OWN_SETTINGS = re.compile(r"\sSETTINGS\s+\w+\s*=", re.IGNORECASE)
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
    match = _CODE.search(text)
    if match is None and "bad_alloc" in text:
        return memory_exceeded("the engine gets no more memory")
    if match is None:
        return EngineError(1002, f"Code: 1002. DB::Exception: {text} (UNKNOWN_EXCEPTION)")
    return EngineError(int(match.group(1)), text[match.start() :].strip())


def memory_exceeded(what: str) -> EngineError:
    """Return the error of a statement for which there was no memory; it may be sent again."""
    code = MEMORY_LIMIT_EXCEEDED
    return EngineError(code, f"Code: {code}. DB::Exception: {what}; try again. (MEMORY_LIMIT_EXCEEDED)")


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
    readonly
        Whether the caller asks for nothing but reading.
    query_id
        What the caller calls it, to find it again while it runs.
    """

    sql: str
    format: str = "TabSeparated"
    body: bytes | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    database: str = "default"
    readonly: bool = False
    query_id: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: its bytes, rows read and rows written."""

    data: bytes = b""
    read_rows: int = 0
    written_rows: int = 0


class _StuckError(Exception):
    """A connection that was used before cannot be made what a statement wants."""


class _Connection:
    """One chDB connection with the settings it has at the moment.

    Attributes
    ----------
    is_spent
        Whether what it has is no longer known here, so that nothing more may run on it.
    """

    def __init__(self, address: str, *, is_reader: bool, role: str = "") -> None:
        import chdb

        self._chdb = chdb.connect(address)
        if role:  # lasts as long as the connection; no statement that is let through changes it
            self._chdb.query(f"SET ROLE {role}", "TabSeparated")
        self._is_reader = is_reader
        self._settings: dict[str, str] = {}
        self._database = "default"
        self._is_used = False
        self.is_spent = False

    def _arrange(self, statement: Statement) -> None:
        wanted = {} if self._is_reader else {**DEFAULTS, **statement.settings}
        changes = {name: "DEFAULT" for name in self._settings.keys() - wanted.keys()}
        changes |= {name: quoted(value) for name, value in wanted.items() if self._settings.get(name) != value}
        for name in changes:
            if not _SETTING_NAME.fullmatch(name):
                raise EngineError(115, f"Code: 115. DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)")
        was_used, self._is_used = self._is_used, True
        try:
            if self._database != statement.database:
                self._chdb.query(f"USE {identifier(statement.database)}", "TabSeparated")
                self._database = statement.database
            if changes:  # in one statement: after readonly = 1 no other could be changed
                self._chdb.query("SET " + ", ".join(f"{name} = {to}" for name, to in changes.items()), "TabSeparated")
                self._settings = wanted
        except RuntimeError as error:
            self.is_spent = True
            if was_used:
                raise _StuckError from error
            raise

    def run(self, statement: Statement) -> Result:
        try:
            self._arrange(statement)
            if statement.body is not None:
                return self._insert(statement, statement.body)
            self.is_spent = _LASTING.search(statement.sql) is not None
            answer = self._chdb.query(statement.sql, statement.format, params=dict(statement.parameters))
            return Result(answer.bytes() or b"", answer.rows_read(), answer.rows_written())
        except RuntimeError as error:
            # What an answer that grew too long held already would be the next statement's answer.
            self.is_spent = True
            raise engine_error(error) from error
        except OSError as error:
            raise memory_exceeded(f"no memory for the rows: {error.strerror}") from error

    def _insert(self, statement: Statement, body: bytes) -> Result:
        """Insert rows by a statement, whose faults all come back; those of storing do not from `send_insert`."""
        if not body:
            return Result()
        own = _OWN_SETTINGS.search(statement.sql)
        place = own.start() if own else len(statement.sql)
        with _as_file(body) as path:
            answer = self._chdb.query(
                f"{statement.sql[:place]} FROM INFILE {quoted(path)}{statement.sql[place:]} FORMAT {statement.format}",
                "Null",
                params=dict(statement.parameters),
            )
        return Result(written_rows=answer.rows_written())

    def close(self) -> None:
        self._chdb.close()


@contextmanager
def _as_file(body: bytes) -> Iterator[str]:
    """Give a path where the bytes can be read; they stay in memory, so a full disk does not matter."""
    handle = os.memfd_create("civicrec-insert")
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(handle, left) :]
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def identifier(name: str) -> str:
    """Write a SQL name."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


@cache
def _end_without_destructors() -> None:
    """Let this process end, by whatever way and code, without what chDB's library would tear down at exit.

    Threads of its own still run then: under load one stop in five ended by SIGSEGV. All it holds on disk
    is synced before an answer, so nothing is left to be done.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):  # not on a Mac
        # What is registered last is called first: after Python's own end, before any library's.
        atexit.register(lambda: libc.on_exit(libc._exit, None))


class Engine:
    """A pool of connections to the engine of one data folder; safe to use from any thread."""

    def __init__(
        self, path: Path, connections: int, kept: Mapping[str, str] | None = None, spare_mb: int = 0, role: str = ""
    ) -> None:  # fmt: skip
        """Open the folder.

        Parameters
        ----------
        spare_mb
            Disk space that no insert, no merge and no new definition of a table takes.
        kept
            For an engine that only reads: settings that hold for every statement, whatever it asks for.
        role
            The one role of the engine's user that every connection has; empty: all.

        Raises
        ------
        ConfigError
            If the engine refuses the folder, for example because another program holds it.
        """
        _end_without_destructors()
        self._is_reader, self._role = kept is not None, role
        self._path, self._spare_bytes = path, max(spare_mb, _LEAST_SPARE_MB) << 20
        self._idle: queue.LifoQueue[_Connection] = queue.LifoQueue()
        try:
            self._address = engine_address(path, kept, spare_mb)
            self._all = [self._open() for _ in range(connections)]
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
            With ClickHouse's code; 202 if no connection came free, 243 if a definition might find no space.
        """
        if statement.body is None and not self._is_reader and defines(statement.sql):
            self._check_space()
        try:
            connection = self._idle.get(timeout=wait_s)
        except queue.Empty:
            raise EngineError(
                TOO_MANY_SIMULTANEOUS_QUERIES,
                f"Code: 202. DB::Exception: {len(self._all)} statements are running, this one waited {wait_s:.0f} s; "
                "try again. (TOO_MANY_SIMULTANEOUS_QUERIES)",
            ) from None
        try:
            if connection.is_spent:
                connection = self._instead_of(connection)
            try:
                return connection.run(statement)
            except _StuckError:
                connection = self._instead_of(connection)
                return connection.run(statement)
        finally:
            # Spent or not: the next statement finds another one in its place, once one can be opened.
            self._idle.put(connection)

    def _check_space(self) -> None:
        """Refuse what the engine would write to an empty file, and answer: no table is there at its next start."""
        free = shutil.disk_usage(self._path).free
        if free < self._spare_bytes:
            raise EngineError(
                NOT_ENOUGH_SPACE,
                f"Code: {NOT_ENOUGH_SPACE}. DB::Exception: the disk of the warehouse has {free >> 20} MB free, the "
                f"definition of a table wants {self._spare_bytes >> 20}; free disk space, then send this again. "
                "(NOT_ENOUGH_SPACE)",
            )

    def _open(self) -> _Connection:
        return _Connection(self._address, is_reader=self._is_reader, role=self._role)

    def _instead_of(self, connection: _Connection) -> _Connection:
        """Open another connection; the old one stays, spent, where none can be opened."""
        try:
            another = self._open()
        except RuntimeError as error:
            raise engine_error(error) from error
        self._all[self._all.index(connection)] = another
        with suppress(RuntimeError):
            connection.close()
        return another

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
        self._engine.run(Statement(f"CREATE DATABASE IF NOT EXISTS {identifier(self.database)}"))

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT and return its rows."""
        return [json.loads(line) for line in self._run(sql, "JSONEachRow", parameters).data.splitlines()]

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement that returns no rows; return how many it wrote."""
        return self._run(sql, "TabSeparated", parameters).written_rows

    def _run(self, sql: str, fmt: str, parameters: Mapping[str, Any] | None) -> Result:
        values = {name: str(value) for name, value in (parameters or {}).items()}
        return self._engine.run(Statement(sql, fmt, parameters=values, database=self.database))
