"""The audit log: who did what, when and why. `record` is the only way in; a chain of digests shows what was edited.

In: what was done, in the transaction that does it. Out: rows, their head, and where they are not as they were written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, true, update

from civicrec.clock import as_utc
from civicrec.errors import Unavailable
from civicrec.registry.chain import Break, Head, Link, chained, first_break
from civicrec.registry.tables import audit, audit_head

_ROWS_A_FETCH = 500


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did.

    Attributes
    ----------
    object_id
        What it was done to. A person stands here as `civicrec.security.tokens.Keys.audit_name` names them, never as a
        pseudonym: rows cannot be erased.
    """

    at: datetime
    who: str
    action: str
    object_id: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of all rows found: the head, how many rows were gone through, the first break or ``None``."""

    head: Head
    rows: int
    broken: Break | None


def record(connection: Connection, acts: Sequence[Act]) -> None:
    """Write audit rows, last in the transaction of what they tell of.

    The head is taken first, so that of two writers the second waits here and goes on from the row of the first; what
    takes it last holds up nobody for long.
    """
    if not acts:
        return
    taken = update(audit_head).values(number=audit_head.c.number + len(acts)).returning(audit_head.c.number)
    last = connection.execute(taken).scalar()
    if last is None:
        raise Unavailable("the head of the audit log is gone, nothing can be recorded; see `civicrec audit verify`")
    before = Head(last - len(acts), connection.execute(select(audit_head.c.digest)).scalar_one())
    links = list(
        chained(
            (
                Link(number, act.at.astimezone(UTC), act.who, act.action, act.object_id, dict(act.facts))
                for number, act in enumerate(acts, before.number + 1)
            ),
            before,
        )
    )
    connection.execute(insert(audit), [_row(link) for link in links])
    connection.execute(update(audit_head).values(digest=links[-1].digest))


def record_alone(engine: Engine, act: Act) -> None:
    """Write one audit row of what changes nothing in the registry, such as that somebody's data was read.

    Raises
    ------
    Unavailable
        If it cannot be written; what would go unrecorded should not be done then.
    """
    with engine.begin() as connection:
        record(connection, [act])


def audit_head_of(engine: Engine) -> Head:
    """Return the end of the log, cheaply: one row."""
    with engine.connect() as connection:
        row = connection.execute(select(audit_head.c.number, audit_head.c.digest)).first()
    return Head(row.number, row.digest) if row else Head()


def is_cut(engine: Engine) -> bool:
    """Say whether the last row is another than the head tells, cheaply: two rows, in one statement."""
    last = select(audit.c.id, audit.c.digest).order_by(audit.c.id.desc()).limit(1).subquery()
    query = select(audit_head.c.number, audit_head.c.digest, last.c.id, last.c.digest.label("own"))
    with engine.connect() as connection:
        row = connection.execute(query.select_from(audit_head.join(last, true(), isouter=True))).first()
    nothing = Head()
    return row is None or (row.number, row.digest) != (row.id or nothing.number, row.own or nothing.digest)


def audit_rows(engine: Engine, *, object_id: str = "", who: str = "", action: str = "", n: int = 100) -> list[Link]:
    """Return the newest `n` rows, the latest first; with words, those that have exactly these."""
    query = select(audit).order_by(audit.c.id.desc()).limit(n)
    for column, wanted in ((audit.c.object_id, object_id), (audit.c.who, who), (audit.c.action, action)):
        if wanted:
            query = query.where(column == wanted)
    with engine.connect() as connection:
        return [_link(row) for row in connection.execute(query)]


def verify(engine: Engine, noted: Head | None = None) -> Verified:
    """Go through all rows and say whether they are as they were written.

    Parameters
    ----------
    noted
        A head that was noted elsewhere; see `first_break`.
    """
    # One statement, so that head and rows are of one moment while others write.
    query = select(audit, audit_head.c.number.label("head_number"), audit_head.c.digest.label("head_digest"))
    query = query.select_from(audit_head.join(audit, true(), isouter=True)).order_by(audit.c.id)
    n_rows, head = 0, Head()

    def links(rows: Iterator[Row[Any]]) -> Iterator[Link]:
        nonlocal n_rows
        for row in rows:
            if row.id is not None:
                n_rows += 1
                yield _link(row)

    # The result is closed, too: at a break the rows after it are not read.
    with engine.connect().execution_options(yield_per=_ROWS_A_FETCH) as connection, connection.execute(query) as result:
        rows = iter(result)
        first = next(rows, None)
        if first is None:
            return Verified(head, 0, Break(0, "the head of the log was removed; restore the registry from a backup"))
        head = Head(first.head_number, first.head_digest)
        broken = first_break(links(_with(first, rows)), head, noted)
    return Verified(head, n_rows, broken)


def _with(first: Row[Any], rest: Iterator[Row[Any]]) -> Iterator[Row[Any]]:
    yield first
    yield from rest


def _row(link: Link) -> dict[str, object]:
    return {
        "id": link.number, "at": link.at, "who": link.who, "action": link.action, "object_id": link.object_id,
        "facts": link.facts, "previous": link.previous, "digest": link.digest,
    }  # fmt: skip


def _link(row: Row[Any]) -> Link:
    return Link(row.id, as_utc(row.at), row.who, row.action, row.object_id, row.facts, row.previous, row.digest)
