"""SQLite files as several processes use them: changes that hold as one or not at all, and a look from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from civicrec.errors import Unavailable


@contextmanager
def in_transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Do the body as one, or not at all; whoever else writes waits."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def read_only(path: Path, name: str) -> Iterator[sqlite3.Connection | None]:
    """Open a file as it is at one moment, from any process; None if there is none.

    Parameters
    ----------
    name
        What an error calls it.

    Raises
    ------
    civicrec.errors.Unavailable
        If the file is there and cannot be read.
    """
    if not path.exists():
        yield None
        return
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            db.isolation_level = None
            db.execute("BEGIN")
            yield db
    except sqlite3.Error as error:
        raise Unavailable(f"{name} {path} cannot be read: {error}; try again") from error
