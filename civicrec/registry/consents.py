"""The consent ledger: who agreed to which purpose, told by which notice, when and where; refusals and withdrawals too.

In: answers of signed-in people, by pseudonym. Out: entries that are never changed, of which a person's last for a
purpose holds. Each answer stands in the audit log as well, under the name that tells nobody who it is: that is the
proof that outlasts an erasure.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from civicrec.clock import as_utc
from civicrec.errors import InvalidInput
from civicrec.registry.audit import Act, record
from civicrec.registry.choices import PERSONALISE, raise_version
from civicrec.registry.counters import raise_counter
from civicrec.registry.news import call_out
from civicrec.registry.notice import Entry, Notice, is_repeated
from civicrec.registry.tables import consents

#: Answers of one person for one purpose that are kept; agreeing once more is refused then, withdrawing never is.
MAX_ENTRIES = 1_000
_VERSION = "consents_version"


def enter(engine: Engine, answer: Entry, notice: Notice, *, audit_name: str) -> bool:
    """Enter an answer, unless it only repeats the one before; return whether it was entered.

    Parameters
    ----------
    audit_name
        The person as the audit log names them, see `civicrec.security.tokens.Keys.audit_name`.

    Raises
    ------
    InvalidInput
        If consent is given and `MAX_ENTRIES` stand there already; nothing is changed then.
    """
    with engine.connect() as connection, connection.begin():
        # First of all, so that the order of numbers is that of commits.
        raise_counter(connection, _VERSION)
        mine = select(consents).where(consents.c.actor == answer.actor, consents.c.purpose == answer.purpose)
        row = connection.execute(mine.order_by(consents.c.number.desc()).limit(1)).first()
        last = _entry(row) if row else None
        if is_repeated(answer, last, notice):
            return False
        n_kept = connection.execute(select(func.count()).select_from(mine.subquery())).scalar_one()
        if answer.is_given and n_kept >= MAX_ENTRIES:
            raise InvalidInput(f"{MAX_ENTRIES} answers for {answer.purpose!r} are kept already; expected fewer changes")
        if answer.purpose == PERSONALISE and (not answer.is_given or (last and not last.is_given)):
            raise_version(connection)
        connection.execute(insert(consents).values(_row(answer)))
        call_out(connection, "consents")
        record(connection, [_act(answer, audit_name)])
    return True


def entries_of(engine: Engine, actor: str) -> list[Entry]:
    """Return all answers of a person, the first at the head."""
    with engine.connect() as connection:
        query = select(consents).where(consents.c.actor == actor).order_by(consents.c.number)
        return [_entry(row) for row in connection.execute(query)]


def latest(engine: Engine, actors: Collection[str], purpose: str) -> dict[str, Entry]:
    """Return actor → their last answer for a purpose, of those who gave any; one indexed read."""
    newest = (
        select(func.max(consents.c.number))
        .where(consents.c.actor.in_(actors), consents.c.purpose == purpose)
        .group_by(consents.c.actor)
    )
    with engine.connect() as connection:
        rows = connection.execute(select(consents).where(consents.c.number.in_(newest)))
        return {row.actor: _entry(row) for row in rows}


def everybodys_latest(engine: Engine, purpose: str) -> list[Entry]:
    """Return the last answer for a purpose of everybody who gave any."""
    newest = select(func.max(consents.c.number)).where(consents.c.purpose == purpose).group_by(consents.c.actor)
    with engine.connect() as connection:
        return [_entry(row) for row in connection.execute(select(consents).where(consents.c.number.in_(newest)))]


def consenting_sites(engine: Engine) -> list[str]:
    """Return the sites of which anybody ever agreed to personalisation, in order."""
    query = select(consents.c.site).where(consents.c.purpose == PERSONALISE, consents.c.is_given).distinct()
    with engine.connect() as connection:
        return sorted(connection.execute(query).scalars())


def erase_consents(connection: Connection, actor: str) -> int:
    """Remove all answers of a person, in the caller's transaction; return how many there were.

    The rows of the audit log stay: they prove what was agreed to and when, and name nobody.
    """
    raise_counter(connection, _VERSION)
    raise_version(connection)
    n_erased = connection.execute(delete(consents).where(consents.c.actor == actor)).rowcount
    call_out(connection, "consents")
    return n_erased


def _act(answer: Entry, audit_name: str) -> Act:
    facts = {
        "site": answer.site, "purpose": answer.purpose, "notice_version": answer.notice_version,
        "channel": answer.channel,
    }  # fmt: skip
    return Act(answer.at, "subject", "consent_given" if answer.is_given else "consent_withdrawn", audit_name, facts)


def _row(answer: Entry) -> dict[str, object]:
    return {
        "actor": answer.actor, "site": answer.site, "purpose": answer.purpose, "is_given": answer.is_given,
        "notice_version": answer.notice_version, "covers": sorted(answer.covers), "channel": answer.channel,
        "at": answer.at,
    }  # fmt: skip


def _entry(row: Any) -> Entry:
    return Entry(
        row.actor, row.site, row.purpose, row.is_given, row.notice_version, frozenset(row.covers), row.channel,
        as_utc(row.at),
    )  # fmt: skip
