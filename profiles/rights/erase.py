"""Asking to be erased (个人信息保护法 Art. 47), and what is told of it. The stream's process does it.

In: a person's pseudonym. Out: the request, which is in force at once: no event of theirs is taken from then on.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from civicrec.clock import local_date, rfc3339
from civicrec.erasure import Person
from civicrec.errors import NotFound
from civicrec.registry.attributes import count as count_attributes
from civicrec.registry.choices import count_decisions
from civicrec.registry.consents import entries_of
from civicrec.registry.erasures import DUE_DAYS, Erasure, request_erasure
from civicrec.security.tokens import Keys
from civicrec.warehouse.personal import browsers_of, has_events
from civicrec.warehouse.ports import Warehouse
from civicrec.working_days import working_days


def ask_to_erase(
    registry: Engine, keys: Keys, warehouse: Warehouse, site: str, subject_id: str, *,
    home: Path, by: str, now: datetime, why: str = "",
) -> Erasure:  # fmt: skip
    """Take a request; one of the same person that is open is returned.

    Parameters
    ----------
    home
        Where the operator's working days are.
    by
        Who asks: ``subject``, or an operator.

    Raises
    ------
    NotFound
        If nothing is held of the person.
    Unavailable
        If registry or warehouse are away; nothing was asked then.
    """
    is_known = (
        count_decisions(registry, [subject_id])
        or entries_of(registry, subject_id)
        or count_attributes(registry, [subject_id])
    )
    if not (is_known or has_events(warehouse, subject_id)):
        raise NotFound(
            f"nothing is held of this user of site {site!r}: no event, no decision, no consent, nothing they said of "
            "themselves; expected one who was signed in here, events of the last seconds count a moment later"
        )
    person = Person(site, subject_id, browsers_of(warehouse, subject_id), keys.former_names(subject_id))
    digests = [keys.erased_digest(name) for name in person.ids]
    due = working_days(home).after(local_date(now), DUE_DAYS)
    return request_erasure(
        registry, person, keys.audit_name(subject_id), digests, due=due, by=by, why=why, now=now
    )  # fmt: skip


def as_told(one: Erasure, today: date) -> dict[str, Any]:
    """Return a request as it is told: without the names of who it is."""
    state = "done" if one.done_at else "overdue" if one.is_overdue(today) else "open"
    return {
        "number": one.number, "site": one.site, "person": one.person, "state": state,
        "requested_at": rfc3339(one.requested_at), "requested_by": one.requested_by, "due": one.due.isoformat(),
        "stores": [
            {"store": name, "before": step.before, "after": step.after} for name, step in one.steps.items()
        ],
        "done_at": rfc3339(one.done_at) if one.done_at else None,
        "receipt": one.receipt,
    }  # fmt: skip


def receipt_of(one: Erasure) -> str:
    """Return the signed receipt.

    Raises
    ------
    NotFound
        If the request is not carried out yet.
    """
    if not one.receipt:
        raise NotFound(f"erasure {one.number} is not carried out yet, it is due on {one.due}; a running stream does it")
    return one.receipt
