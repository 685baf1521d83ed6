"""Complaints about recommendations and personal data: a receipt, a due date, and an answer with an audit row.

In: what somebody wrote. Out: `Complaint`s. Who complains needs no account; the receipt is theirs alone to ask with.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Engine, func, insert, select, update

from civicrec.clock import as_utc
from civicrec.errors import InvalidInput, NotFound, Unavailable
from civicrec.registry.audit import Act, record
from civicrec.registry.tables import complaints

ComplaintKind = Literal["recommendation", "personal_data", "accessibility", "other"]
MAX_TEXT = 2_000
#: Unanswered ones that are kept; a flood of more is refused, and counted by whoever refuses.
MAX_OPEN = 20_000
#: Letters that are not taken for one another on paper.
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_RECEIPT_LETTERS = 16


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint and what became of it.

    Attributes
    ----------
    item_id
        What it is about; empty for none.
    due
        The day by which it is answered, of the portal's calendar.
    reply, answered_at, answered_by
        Empty until somebody answers.
    """

    receipt: str
    site: str
    kind: ComplaintKind
    item_id: str
    text: str
    received_at: datetime
    due: date
    reply: str = ""
    answered_at: datetime | None = None
    answered_by: str = ""

    def is_overdue(self, today: date) -> bool:
        """Say whether its day is over without an answer."""
        return self.answered_at is None and today > self.due


def receive(
    engine: Engine, site: str, kind: ComplaintKind, item_id: str, text: str, due: date, now: datetime
) -> Complaint:
    """Keep a complaint.

    Raises
    ------
    Unavailable
        If `MAX_OPEN` wait for an answer already.
    """
    receipt = "".join(secrets.choice(_LETTERS) for _ in range(_RECEIPT_LETTERS))
    made = Complaint(receipt, site, kind, item_id, text, now, due)
    with engine.connect() as connection, connection.begin():
        n_open = select(func.count()).select_from(complaints).where(complaints.c.answered_at.is_(None))
        if connection.execute(n_open).scalar_one() >= MAX_OPEN:
            raise Unavailable(f"{MAX_OPEN} complaints wait for an answer; send it again when some are answered")
        connection.execute(
            insert(complaints).values(
                receipt=receipt, site=site, kind=kind, item_id=item_id, text=text, received_at=now,
                due=due.isoformat(), reply="", answered_by="",
            )
        )  # fmt: skip
    return made


def complaint(engine: Engine, receipt: str) -> Complaint:
    """Return a complaint by its receipt.

    Raises
    ------
    NotFound
        If there is none.
    """
    with engine.connect() as connection:
        row = connection.execute(select(complaints).where(complaints.c.receipt == receipt)).mappings().first()
    if row is None:
        raise NotFound(f"no complaint {receipt[:40]!r}; expected a receipt as it was given")
    return _complaint(row)


def list_complaints(engine: Engine, *, only_open: bool = False) -> list[Complaint]:
    """Return complaints, the one due first at the head."""
    query = select(complaints).order_by(complaints.c.due, complaints.c.received_at, complaints.c.receipt)
    if only_open:
        query = query.where(complaints.c.answered_at.is_(None))
    with engine.connect() as connection:
        return [_complaint(row) for row in connection.execute(query).mappings()]


def answer(engine: Engine, receipt: str, reply: str, *, who: str, now: datetime) -> Complaint:
    """Answer a complaint, once.

    Raises
    ------
    InvalidInput
        If there is no reply, or it was answered already.
    NotFound
        If there is no such complaint.
    """
    if not reply.strip() or len(reply) > MAX_TEXT:
        raise InvalidInput(f"got a reply of {len(reply.strip())} characters; expected 1 to {MAX_TEXT}")
    with engine.connect() as connection, connection.begin():
        mine = complaints.c.receipt == receipt
        answered = update(complaints).where(mine, complaints.c.answered_at.is_(None))
        is_new = connection.execute(answered.values(reply=reply.strip(), answered_at=now, answered_by=who)).rowcount
        if is_new:
            facts = {"characters": len(reply.strip())}
            record(connection, [Act(now, who, "complaint_answered", receipt, facts)])
    found = complaint(engine, receipt)
    if not is_new:
        raise InvalidInput(f"complaint {receipt} was answered on {found.answered_at}; write to the person instead")
    return found


def _complaint(row: Any) -> Complaint:
    facts = dict(row)
    answered_at = facts["answered_at"]
    return Complaint(**facts | {
        "received_at": as_utc(facts["received_at"]), "due": date.fromisoformat(facts["due"]),
        "answered_at": as_utc(answered_at) if answered_at else None,
    })  # fmt: skip
