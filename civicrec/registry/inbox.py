"""站内信: messages as people find them, read or not, deleted or not; and all that is kept of what somebody was sent.

In: deliveries that go into the inbox, and what their owners do with them. Out: messages, the newest first. The words
of a message are those of its campaign; a row says whose it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from civicrec.clock import as_utc
from civicrec.registry.connection import ids_by_query
from civicrec.registry.tables import deliveries, inbox, subscriptions

#: How long a message stays.
KEEP_MESSAGES = timedelta(days=180)
_BY_PERSON = (deliveries, inbox, subscriptions)


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A message of somebody, without its words."""

    key: str
    subject: str
    campaign_id: str
    version: int
    at: datetime
    read_at: datetime | None


def put_messages(engine: Engine, keys: Sequence[str], at: datetime) -> None:
    """Put the messages of deliveries into inboxes; one that is there already, read or deleted, stays as it is."""
    insert_into = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert
    columns = ["delivery_key", "subject", "campaign_id", "version", "at"]
    with engine.begin() as connection:
        for some in ids_by_query(keys):
            rows = select(
                deliveries.c.delivery_key, deliveries.c.subject, deliveries.c.campaign_id, deliveries.c.version,
                literal(at.astimezone(UTC), inbox.c.at.type),
            ).where(deliveries.c.delivery_key.in_(some))  # fmt: skip
            statement = insert_into(inbox).from_select(columns, rows)
            connection.execute(statement.on_conflict_do_nothing(index_elements=["delivery_key"]))


def messages_of(engine: Engine, subject: str, n: int, before: datetime | None = None) -> list[InboxRow]:
    """Return at most `n` messages of a person that they did not delete, the newest first.

    Parameters
    ----------
    before
        Only those that came earlier.
    """
    query = select(inbox).where(inbox.c.subject == subject, inbox.c.deleted_at.is_(None))
    if before is not None:
        query = query.where(inbox.c.at < before.astimezone(UTC))
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(inbox.c.at.desc(), inbox.c.delivery_key).limit(n))
        return [
            InboxRow(
                row.delivery_key, row.subject, row.campaign_id, row.version, as_utc(row.at),
                as_utc(row.read_at) if row.read_at else None,
            )
            for row in rows
        ]  # fmt: skip


def unread_of(engine: Engine, subject: str) -> int:
    """Return how many messages of a person are neither read nor deleted."""
    mine = (inbox.c.subject == subject) & inbox.c.deleted_at.is_(None) & inbox.c.read_at.is_(None)
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(inbox).where(mine)).scalar_one())


def mark(
    engine: Engine, subject: str, key: str, what: Literal["read", "deleted"], now: datetime
) -> Literal["first", "again", "none"]:
    """Note that a message was read, or deleted; the first time stays. Return whether this was it, or there is none."""
    column = {"read": inbox.c.read_at, "deleted": inbox.c.deleted_at}[what]
    mine = (inbox.c.subject == subject) & (inbox.c.delivery_key == key) & inbox.c.deleted_at.is_(None)
    with engine.begin() as connection:
        first = update(inbox).where(mine & column.is_(None)).values({column: now.astimezone(UTC)})
        if connection.execute(first).rowcount:
            return "first"
        return "again" if connection.execute(select(inbox.c.subject).where(mine)).first() else "none"


def drop_old(engine: Engine, before: datetime) -> int:
    """Delete messages that came before a time; return how many."""
    with engine.begin() as connection:
        return connection.execute(delete(inbox).where(inbox.c.at < before.astimezone(UTC))).rowcount


def count_pushes(engine: Engine, subjects: Collection[str]) -> int:
    """Return how many rows tell of some people: deliveries, messages, and which pushes they want."""
    with engine.connect() as connection:
        return sum(_count(connection, table, subjects) for table in _BY_PERSON)


def erase_pushes(engine: Engine, subjects: Collection[str]) -> None:
    """Remove all that tells of some people."""
    with engine.begin() as connection:
        for table in _BY_PERSON:
            connection.execute(delete(table).where(table.c.subject.in_(subjects)))


def _count(connection: Connection, table: Any, subjects: Collection[str]) -> int:
    query = select(func.count()).select_from(table).where(table.c.subject.in_(subjects))
    return int(connection.execute(query).scalar_one())
