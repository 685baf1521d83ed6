"""Whether somebody wrote to the registry since the last look, at a price that every request can pay.

In: an engine. Out: yes or no. A look costs some microseconds: SQLite keeps a number that each commit of another
connection changes, and PostgreSQL sends a word when the catalogue or the consents change, which is there or is not.
"""

from __future__ import annotations

import select
from abc import ABC, abstractmethod
from typing import Any, Literal

from sqlalchemy import Connection, Engine

from civicrec.errors import Unavailable

#: What is listened to: PostgreSQL calls it out when a transaction that changed it is committed.
Topic = Literal["catalogue", "consents"]


class News(ABC):
    """One reader's view on a connection of its own; looks come from one thread.

    Attributes
    ----------
    is_lost
        Whether the connection failed: nothing is told any more.
    """

    def __init__(self, engine: Engine) -> None:
        self.is_lost = False
        self._fault = engine.dialect.loaded_dbapi.Error
        self._connection = engine.raw_connection()
        self._connection.detach()  # it is made into what the pool's connections must not be
        self._driver: Any = self._connection.dbapi_connection

    def any(self) -> bool:
        """Say whether somebody wrote since the look before; once more when the connection fails."""
        if self.is_lost:
            return False
        try:
            return self._has_changed()
        except self._fault:
            self.is_lost = True
            return True

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    @abstractmethod
    def _has_changed(self) -> bool: ...


def news_of(engine: Engine, topic: Topic = "catalogue") -> News:
    """Return a view that knows of every change of a topic from now on; on SQLite, of any change at all.

    Raises
    ------
    Unavailable
        If the database is away, or lets nobody listen.
    """
    try:
        return _of(engine, topic)
    except engine.dialect.loaded_dbapi.Error as error:
        raise Unavailable(f"the registry tells of no changes: {error}") from error


def _of(engine: Engine, topic: Topic) -> News:
    return _Counted(engine) if engine.dialect.name == "sqlite" else _Called(engine, topic)


def call_out(connection: Connection, topic: Topic = "catalogue") -> None:
    """Let every view of a topic hear of this transaction when it is committed."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY civicrec_{topic}")


class _Counted(News):
    """By SQLite's ``data_version``."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._cursor = self._driver.cursor()
        self._cursor.execute("PRAGMA busy_timeout=0")  # whoever looks here must not wait for a lock
        self._version = self._now()

    def _has_changed(self) -> bool:
        before, self._version = self._version, self._now()
        return self._version != before

    def _now(self) -> int:
        [(version,)] = self._cursor.execute("PRAGMA data_version").fetchall()
        return int(version)


class _Called(News):
    """By PostgreSQL's ``LISTEN``."""

    def __init__(self, engine: Engine, topic: Topic) -> None:
        super().__init__(engine)
        self._driver.autocommit = True
        self._driver.execute(f"LISTEN civicrec_{topic}")
        self._wire = self._driver.pgconn
        self._poll = select.poll()
        self._poll.register(self._wire.socket, select.POLLIN)

    def _has_changed(self) -> bool:
        if not self._poll.poll(0):
            return False
        self._wire.consume_input()
        has_called = False
        while self._wire.notifies():
            has_called = True
        return has_called
