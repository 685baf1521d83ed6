"""Chain the audit rows of a registry from before there was a chain; once, in the migration that brings it.

In: a connection, in the transaction of that migration. Out: every row with its digests, and the head.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ColumnClause, Connection, DateTime, bindparam, column, insert, select, table, update

from civicrec.clock import as_utc
from civicrec.registry.chain import Head, Link, chained

_SAID: tuple[ColumnClause[Any], ...] = (
    column("id"), column("at", DateTime(timezone=True)), column("who"), column("action"), column("object_id"),
    column("facts", JSON),
)  # fmt: skip
# As the tables are at this migration, whatever they are called later.
_AUDIT = table("audit", *_SAID, column("previous"), column("digest"))
_HEAD = table("audit_head", column("head"), column("number"), column("digest"))


def chain_old_rows(connection: Connection) -> None:
    """Give the rows that are there their digests, in order of their numbers."""
    rows = connection.execute(select(*_SAID).order_by(_AUDIT.c.id)).all()
    old = (Link(row.id, as_utc(row.at), row.who, row.action, row.object_id, row.facts) for row in rows)
    links = list(chained(old, Head()))
    if links:
        digests = [{"number": link.number, "before": link.previous, "own": link.digest} for link in links]
        chain = update(_AUDIT).where(_AUDIT.c.id == bindparam("number"))
        connection.execute(chain.values(previous=bindparam("before"), digest=bindparam("own")), digests)
    head = Head(links[-1].number, links[-1].digest) if links else Head()
    connection.execute(insert(_HEAD).values(head=1, number=head.number, digest=head.digest))
