"""The registry's tables: what people decided (catalogue, rights, runs), as opposed to what happened (events)."""

from __future__ import annotations

import contextlib
from pathlib import Path

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from civicrec.errors import Unavailable

metadata = MetaData()

#: Row of `counters` that tells readers whether the catalogue changed.
VERSION_COUNTER = "catalogue_version"

items = Table(
    "items",
    metadata,
    Column("item_id", String(128), primary_key=True),
    Column("item_type", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("title", String(500), nullable=False),
    Column("changed_in", Integer, nullable=False, doc="Catalogue version in which this row last changed."),
    Column("body", LargeBinary, nullable=False, doc="The item as JSON."),
    Index("items_changed_in", "changed_in"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Integer, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("finished_at", DateTime(timezone=True), nullable=False),
    Column("manifest", JSON, nullable=False),
)

suppressed_tags = Table(
    "suppressed_tags",
    metadata,
    Column("actor", String(64), primary_key=True),
    Column("tag", String(128), primary_key=True),
    Column("since", DateTime(timezone=True), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object_id", String(128), nullable=False),
    Column("facts", JSON, nullable=False),
)


def open_registry(address: str) -> Engine:
    """Open the registry and create what is missing.

    Parameters
    ----------
    address
        SQLAlchemy address, for example ``sqlite:////srv/civicrec/registry.sqlite``.

    Raises
    ------
    Unavailable
        If it cannot be opened.
    """
    engine = create_engine(address)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: object, _: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]  # DBAPI connections carry no common type
            cursor.execute("PRAGMA busy_timeout=10000")  # first: the next line needs a lock itself
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.close()

    try:
        if engine.dialect.name == "sqlite" and engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        _create(engine)
    except (SQLAlchemyError, OSError) as error:
        raise Unavailable(f"the registry at {engine.url!r} cannot be opened: {error}") from error
    return engine


def _create(engine: Engine) -> None:
    """Create what is missing; several processes may do so at once, and one of them is first."""
    with engine.begin() as connection:
        for table in metadata.sorted_tables:  # not `create_all`: it looks first, and another process creates meanwhile
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(CreateIndex(index, if_not_exists=True))
    with engine.connect() as connection:
        counter = connection.execute(select(counters).where(counters.c.name == VERSION_COUNTER)).first()
    if counter is None:
        with contextlib.suppress(IntegrityError), engine.begin() as connection:
            connection.execute(insert(counters).values(name=VERSION_COUNTER, value=0))
