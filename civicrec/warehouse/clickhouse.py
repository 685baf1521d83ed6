"""The warehouse through clickhouse-connect's HTTP client: a ClickHouse server and the embedded gateway alike.

In: columns and SQL. Out: Arrow tables and rows. One `ClickHouseWarehouse` may be shared by all threads of a process:
it has no ClickHouse session, keeps its own pool of connections (at most 8 kept open), and changes nothing after it
connected except the cache of table columns, which is locked. It must not be carried across a fork.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from civicrec.errors import ConfigError, InvalidInput, Unavailable
from civicrec.process.whose import MISDIRECTED, REFUSAL
from civicrec.security.passwords import ANALYST, READER
from civicrec.security.tls import tls_context
from civicrec.settings import WarehouseSettings
from civicrec.warehouse.analysts import DATABASE

if TYPE_CHECKING:
    import pyarrow as pa
    from clickhouse_connect.datatypes.base import ClickHouseType
    from clickhouse_connect.driver.client import Client

_UNKNOWN_DATABASE = 81
_AUTHENTICATION_FAILED = 516
#: ClickHouse codes that pass by themselves: time-outs, overload, memory, too many parts, network, keeper, stopping.
_PASSING = frozenset({159, 173, 202, 209, 210, 236, 241, 243, 252, 285, 319, 373, 394, 425, 439, 999})


class ClickHouseWarehouse:
    """A warehouse on ClickHouse; implements `civicrec.warehouse.ports.Warehouse`."""

    def __init__(self, settings: WarehouseSettings) -> None:
        """Nothing is connected until the first call."""
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._columns: dict[str, dict[str, ClickHouseType]] = {}

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], token: str = "") -> int:
        """Append rows given as columns; the same token again inserts nothing. Return the rows stored.

        Parameters
        ----------
        table
            Name of a table of the configured database.
        columns
            Column name → values: lists, tuples or numpy arrays of equal length. Times are aware datetimes, or
            integers in the column's own unit (epoch milliseconds for ``DateTime64(3)``); UUIDs are text or `uuid.UUID`.
        token
            Names the content for good; none inserts whatever was inserted before. A token must never be used for other
            rows: those would be dropped silently.

        Raises
        ------
        InvalidInput
            If a column is unknown, the lengths differ, or a value does not fit; nothing was inserted.
        Unavailable
            If the warehouse cannot be reached, is overloaded, or says that it stored fewer rows; whether the rows
            arrived is unknown, so send them again under the same token.
        """
        lengths = {name: len(values) for name, values in columns.items()}
        n_rows = next(iter(lengths.values()), 0)
        if any(length != n_rows for length in lengths.values()):
            raise InvalidInput(f"columns for {table} have lengths {lengths}; expected one length")
        if n_rows == 0:
            return 0
        settings = {
            # Without a name of its own, an equal block sent on purpose would be dropped as a retry, by its content.
            "insert_deduplication_token": token or uuid4().hex,
            # Passed explicitly: servers older than 26 do not deduplicate in views by default.
            "deduplicate_blocks_in_dependent_materialized_views": "1",
        }
        with self._faults(f"insert into {table}"):
            client = self._connected()
            types = self._types(client, table, columns)
            values = {name: _plain(column) for name, column in columns.items()}
            context = client.create_insert_context(
                table,
                column_names=list(values),
                column_types=[types[name] for name in values],
                column_oriented=True,
                settings=settings,
                data=list(values.values()),
            )
            # Whole numbers are written as they are, without a datetime object each.
            context.column_formats.update({name: "int" for name in values if _is_epoch(types[name], values[name])})
            written = _written(client.insert(context=context), n_rows)
        if written < n_rows:
            raise Unavailable(f"the warehouse stored {written} of {n_rows} rows for {table}; they are sent again")
        return n_rows

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None, query_id: str = "") -> pa.Table:
        """Run a SELECT with ``{name:Type}`` parameters and return its rows; ask for toString() of a UUID.

        By its `query_id` a statement that runs is found in the analysts' view `running`, and ended by `cancel`.
        """
        settings = {"query_id": query_id} if query_id else None
        with self._faults(sql):
            return self._connected().query_arrow(
                sql, parameters=dict(parameters or {}), settings=settings, use_strings=True
            )

    def cancel(self, query_id: str) -> None:
        """End a statement that runs under this id, if one does."""
        if not re.fullmatch(r"[\w-]{1,64}", query_id, re.ASCII):
            raise InvalidInput(f"{query_id[:70]!r} is no id of a statement; expected 1 to 64 letters, digits, _ or -")
        self.command(f"KILL QUERY WHERE query_id = '{query_id}' ASYNC")

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a SELECT and return its rows as dictionaries; times are aware, in UTC. For small results."""
        with self._faults(sql):
            return list(self._connected().query(sql, parameters=dict(parameters or {})).named_results())

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Run a statement that returns no rows; return how many it wrote."""
        with self._faults(sql):
            return _written(self._connected().command(sql, parameters=dict(parameters or {})), 0)

    def create_database(self) -> None:
        """Make the configured database unless it is there."""
        name = self._settings.database.replace("`", "")
        with self._faults("create the database"):
            client = self._connect(database=None)
            client.command(f"CREATE DATABASE IF NOT EXISTS `{name}`")
            _close(client)

    def ping(self) -> bool:
        """Tell whether the warehouse answers now."""
        try:
            self.rows("SELECT 1 AS one")
        except Unavailable:
            return False
        return True

    @property
    def database(self) -> str:
        """Name of the database it works in."""
        return self._settings.database

    def close(self) -> None:
        """Close the kept connections; the next call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
            self._columns.clear()
        if client is not None:
            _close(client)

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = self._connect(self._settings.database)
            return self._client

    def _connect(self, database: str | None) -> Client:
        import clickhouse_connect
        from clickhouse_connect.driver.httputil import get_pool_manager

        # It logs a traceback for each fault it also raises; ours says the same in one line.
        logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
        settings = self._settings
        context = tls_context(settings)
        # Who only reads may set nothing, and has limits of the warehouse's own.
        may_set = settings.user not in (READER, ANALYST) and settings.database != DATABASE
        limits = {"max_execution_time": max(1, int(settings.timeout_s))} if may_set else {}
        return clickhouse_connect.get_client(
            host=settings.endpoint.host,
            interface="https" if context else "http",
            port=settings.endpoint.port,
            username=settings.user,
            password=settings.password.get_secret_value(),
            database=database or "default",
            # A session would let only one statement run at a time.
            autogenerate_session_id=False,
            connect_timeout=min(5, settings.timeout_s),
            send_receive_timeout=settings.timeout_s,
            # On this machine compressing costs more than it saves.
            compress=not _is_loopback(settings.endpoint.host),
            tz_mode="aware",
            settings=limits,
            headers=settings.endpoint.headers,
            # A pool of our own: the client's would ask the environment for a proxy.
            pool_mgr=get_pool_manager(ssl_context=context) if context else get_pool_manager(),
        )

    def _types(self, client: Client, table: str, columns: Mapping[str, Any]) -> dict[str, ClickHouseType]:
        with self._lock:
            known = self._columns.get(table, {})
        if not columns.keys() <= known.keys():
            context = client.create_insert_context(table)
            known = dict(zip(context.column_names, context.column_types, strict=True))
            with self._lock:
                self._columns[table] = known
        unknown = sorted(columns.keys() - known.keys())
        if unknown:
            raise InvalidInput(f"table {table} has no column {unknown[0]!r}; it has {', '.join(known)}")
        return known

    @contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        """Turn the client's exceptions into ours."""
        from clickhouse_connect.driver import exceptions

        where = self._settings.endpoint.address
        try:
            yield
        except exceptions.OperationalError as error:
            if error.code is None or error.code in _PASSING:
                raise Unavailable(f"the warehouse at {where} does not answer: {_reason(error)}") from error
            raise InvalidInput(f"the warehouse refused {_shortened(doing)}: {_reason(error)}") from error
        except exceptions.DatabaseError as error:
            if f"HTTP status {MISDIRECTED}" in str(error):
                raise Unavailable(f"the warehouse at {where} {REFUSAL}") from error
            if error.code in _PASSING or "HTTP status 50" in str(error):
                raise Unavailable(f"the warehouse at {where} cannot do this now: {_reason(error)}") from error
            if error.code == _AUTHENTICATION_FAILED:
                raise ConfigError(
                    f"the warehouse at {where} does not take the password of user {self._settings.user!r}; "
                    "set CIVICREC_WAREHOUSE__USER and CIVICREC_WAREHOUSE__PASSWORD (docs/operations.md, Secrets)"
                ) from error
            if error.code == _UNKNOWN_DATABASE:
                raise Unavailable(
                    f"the warehouse at {where} has no database {self._settings.database!r} yet; start `civicrec stream`"
                ) from error
            raise InvalidInput(f"the warehouse refused {_shortened(doing)}: {_reason(error)}") from error
        except (exceptions.Error, ValueError, TypeError, OverflowError, AttributeError) as error:
            raise InvalidInput(f"cannot {_shortened(doing)}: {error}; check the types of the values") from error


def _written(answer: object, unsaid: int) -> int:
    """Return how many rows were written, by the summary that goes with an answer; `unsaid` where a proxy took it."""
    summary = getattr(answer, "summary", {})
    return int(summary.get("written_rows", unsaid))


def _close(client: Client) -> None:
    from clickhouse_connect.driver.httputil import all_managers

    pool = client.http  # type: ignore[attr-defined]  # the HTTP client's, which is the only kind here
    client.close()
    pool.clear()
    all_managers.pop(pool, None)


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "M":
            values = values.astype("datetime64[ms]").astype("int64")
        plain: list[Any] = values.tolist()
        return plain
    return values


def _is_epoch(kind: ClickHouseType, values: Sequence[Any]) -> bool:
    """Tell whether a time column is given as whole numbers."""
    if not str(kind.base_type).startswith(("DateTime", "Date")):
        return False
    first = next((value for value in values if value is not None), None)
    return isinstance(first, int)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: Exception) -> str:
    """Keep ClickHouse's own words, or the system's: neither the client's preamble nor the address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    text = str(error).split(" (for url ")[0]
    start = text.find("Code: ")
    return " ".join((text[start:] if start >= 0 else text).split())


def _shortened(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 120 else line[:117] + "..."
