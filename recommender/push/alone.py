"""One sender at a time: of a home by a lock file, of a shared PostgreSQL by a lock of its session.

In: settings. Out: a body that runs alone, or the word that another one sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

from civicrec.home import PUSH_LOCK
from civicrec.process.locks import InUse, owned
from civicrec.settings import Settings

#: Key of the advisory lock; any number that nothing else in the database uses.
_LOCK = 0x0C17_1C2E_9054


@contextmanager
def sending_alone(settings: Settings, registry: Engine) -> Iterator[None]:
    """Hold the locks for the body; the kernel and the database drop them when the process dies.

    Raises
    ------
    InUse
        If another process sends.
    """
    with owned(PUSH_LOCK.of(settings.home), "the sender of pushes"):
        if registry.dialect.name != "postgresql":
            yield
            return
        with registry.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            taken = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}).scalar_one()
            if not taken:
                raise InUse("another machine sends the pushes of this registry; this one waits")
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
