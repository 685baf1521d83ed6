"""The way to the registry's database. In: an address. Out: an engine whose faults are ours and name no password."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DatabaseError, DataError, InterfaceError, OperationalError, SQLAlchemyError

from civicrec.errors import ConfigError, InvalidInput, Unavailable

#: How long a connection, or another writer's lock, is waited for, seconds.
_WAIT_S = 10
_UNKNOWN_OPTION = re.compile(r'invalid connection option "[a-z_]{1,30}"')
#: PostgreSQL's ``insufficient_privilege``.
_NO_RIGHT = "42501"
_EXPECTED = (
    "expected sqlite:////path/registry.sqlite or postgresql://user:password@host:5432/database, "
    "with signs such as @ / : # in user and password percent-encoded"
)
_IDS_A_QUERY = 500  # SQLite before 3.32 takes 999 parameters a statement


def connect(address: str) -> Engine:
    """Return an engine for `address`; nothing is connected yet.

    Every later fault of the database itself comes out of the engine as `Unavailable` (away, full, locked),
    `ConfigError` (no right) or `InvalidInput` (a value that does not fit), in one line.

    Parameters
    ----------
    address
        SQLAlchemy address of SQLite or PostgreSQL. libpq's own variables and files (``PGPASSFILE``) work too.

    Raises
    ------
    ConfigError
        If the address is none of these, or its driver is not installed.
    Unavailable
        If the folder of a SQLite file cannot be made.
    """
    url = _parsed(address)
    if url.drivername == "sqlite":
        engine = _sqlite(url)
    else:
        try:
            engine = create_engine(
                url,
                pool_pre_ping=True,  # a server restarts now and then: a kept connection is asked before it is used
                isolation_level="READ COMMITTED",  # a writer that waited for another must see what that one wrote
                connect_args=_postgresql_arguments(url),
            )
        except ImportError as error:  # not there, or there without libpq
            raise ConfigError(
                f"the registry at {shown(url)} needs the driver psycopg ({str(error).splitlines()[0]}); "
                "install it with: pip install 'civicrec[postgresql]'"
            ) from None
    event.listen(engine, "handle_error", _in_our_words(shown(url)))
    return engine


def connect_as_it_stands(address: str) -> Engine | None:
    """Return an engine that only reads a SQLite file and writes nothing beside it; ``None`` if that would miss changes.

    For a disk that is full or read-only: there SQLite cannot make the file by which readers and writers agree. While a
    write-ahead log holds changes they need it, so then, and for another database, there is no such engine. Open it for
    one look: what others write later is not noticed.
    """
    url = _parsed(address)
    path = Path(url.database or "")
    log = path.with_name(f"{path.name}-wal")
    if url.drivername != "sqlite" or not path.is_file() or (log.exists() and log.stat().st_size):
        return None
    engine = create_engine(f"sqlite:///file:{quote(str(path.resolve()))}?immutable=1&uri=true", poolclass=NullPool)
    event.listen(engine, "handle_error", _in_our_words(shown(url)))
    return engine


def shown(url: URL) -> str:
    """Return the address as it may be shown: no password, nor the parameters, which may hold one."""
    return url.set(query={}).render_as_string(hide_password=True)


def _parsed(address: str) -> URL:
    try:
        url = make_url(address)
    except (SQLAlchemyError, ValueError):
        raise ConfigError(f"CIVICREC_REGISTRY_URL cannot be read; {_EXPECTED}") from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ConfigError(f"CIVICREC_REGISTRY_URL is of kind {url.drivername!r}; {_EXPECTED}")
    if "@" in (url.host or ""):  # the rest of a password that has this sign in it
        raise ConfigError(f"CIVICREC_REGISTRY_URL has more than one @; {_EXPECTED}")
    return url


def _postgresql_arguments(url: URL) -> dict[str, str | int]:
    ours: dict[str, str | int] = {
        "connect_timeout": _WAIT_S,
        "application_name": "civicrec",
        "options": f"-c lock_timeout={_WAIT_S}s",
    }
    return {name: value for name, value in ours.items() if name not in url.query}


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url)

    @event.listens_for(engine, "do_connect")
    def _folder(*_: object) -> None:
        """Make the folder when somebody connects: whoever only asks whether the file is there leaves no trace."""
        if url.database and url.database != ":memory:":
            try:
                Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Unavailable(f"the registry at {shown(url)} cannot be opened: {error}") from error

    @event.listens_for(engine, "connect")
    def _pragmas(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]  # DBAPI connections carry no common type
        cursor.execute(f"PRAGMA busy_timeout={_WAIT_S * 1000}")  # first: the next line needs a lock itself
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA secure_delete=ON")  # what is erased or replaced is not left on the disk
        cursor.close()

    return engine


def _in_our_words(where: str) -> Callable[[ExceptionContext], None]:
    def translate(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        reason = " ".join(str(context.original_exception).split())
        if getattr(context.original_exception, "sqlstate", None) == _NO_RIGHT:
            raise ConfigError(f"the registry at {where} does not let its user do this: {reason}")
        elif _UNKNOWN_OPTION.fullmatch(reason):
            raise ConfigError(f"CIVICREC_REGISTRY_URL: {reason}; expected options of libpq, such as sslmode")
        elif isinstance(error, DataError):
            raise InvalidInput(f"the registry at {where} refused a value: {reason}")
        elif isinstance(error, (OperationalError, InterfaceError)) or type(error) is DatabaseError:
            raise Unavailable(f"the registry at {where} cannot be used now: {reason}")

    return translate


def ids_by_query(item_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the ids in pieces, each of as many as one statement may name."""
    for start in range(0, len(item_ids), _IDS_A_QUERY):
        yield item_ids[start : start + _IDS_A_QUERY]
