"""Pushes of the last minutes and what they were answered: one that comes again changes nothing.

In: a signature, which no other push has. Out: the answer it got.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from civicrec.registry.tables import pushes


def answer_before(engine: Engine, signature: str) -> str:
    """Return what the push was answered, empty if it is new."""
    with engine.connect() as connection:
        found: str | None = connection.execute(select(pushes.c.answer).where(pushes.c.signature == signature)).scalar()
    return found or ""


def keep_answer(engine: Engine, signature: str, answer: str, now: datetime, since: datetime) -> None:
    """Keep the answer of a push, and forget those from before `since`."""
    with engine.connect() as connection, connection.begin():
        connection.execute(delete(pushes).where(pushes.c.at < since))
    # The same push may have come to another process at the same moment: then both did the same.
    with suppress(IntegrityError), engine.connect() as connection, connection.begin():
        connection.execute(insert(pushes).values(signature=signature, at=now, answer=answer))
