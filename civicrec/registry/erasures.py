"""Requests to erase a person, how far each is, and the proof that stays: no row names anybody once it is done.

In: a person and keyed digests of their names. Out: `Erasure`s, and the digests whose events are refused. A new request
raises a counter, so that whoever refuses events sees cheaply that there is something to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from civicrec.clock import as_utc
from civicrec.erasure import Person, Step, Steps
from civicrec.errors import InvalidInput, NotFound
from civicrec.registry.audit import Act, record
from civicrec.registry.counters import counter, raise_counter
from civicrec.registry.tables import erased_ids, erasures

#: Working days in which a person is erased (App违法违规收集使用个人信息行为认定方法 §6: at most 15).
DUE_DAYS = 15
_VERSION = "erasures_version"


@dataclass(frozen=True, slots=True)
class Erasure:
    """A request to erase a person.

    Attributes
    ----------
    person
        Keyed digest, as `civicrec.security.tokens.Keys.audit_name` makes it.
    steps
        What was done so far, by store.
    trace
        Who it is; ``None`` once all is done.
    receipt
        Signed counts before and after of each store; empty until all is done.
    """

    number: int
    site: str
    person: str
    requested_at: datetime
    requested_by: str
    due: date
    steps: Steps
    trace: Person | None = None
    done_at: datetime | None = None
    receipt: str = ""

    def is_overdue(self, today: date) -> bool:
        """Say whether its day is over and it is not done."""
        return self.done_at is None and today > self.due


def request_erasure(
    engine: Engine,
    who: Person,
    person: str,
    digests: Sequence[str],
    *,
    due: date,
    by: str,
    why: str = "",
    now: datetime,
) -> Erasure:
    """Take a request; from then on events under these names are refused. One that is open already is returned.

    Parameters
    ----------
    person
        Keyed digest of the subject.
    digests
        Of each of their names, as `civicrec.security.tokens.Keys.erased_digest` makes them.
    by
        Who asked: ``subject``, or an operator.
    """
    with engine.connect() as connection, connection.begin():
        raise_version(connection)
        mine = select(erasures.c.number).where(erasures.c.person == person, erasures.c.done_at.is_(None))
        number = connection.execute(mine).scalar()
        _refuse(connection, digests, now)
        if number is None:
            made = insert(erasures).values(
                site=who.site, person=person, requested_at=now, requested_by=by, due=due.isoformat(),
                trace=_plain(who), steps={}, receipt="",
            )  # fmt: skip
            number = connection.execute(made.returning(erasures.c.number)).scalar_one()
            record(connection, [Act(now, by, "erasure_requested", person, {"number": number, "why": why})])
    return erasure(engine, number)


def widen_erasure(engine: Engine, number: int, who: Person, digests: Sequence[str], now: datetime) -> None:
    """Add names of the person that were found since."""
    with engine.connect() as connection, connection.begin():
        raise_version(connection)
        _refuse(connection, digests, now)
        connection.execute(update(erasures).where(_open(number)).values(trace=_plain(who)))


def erasure(engine: Engine, number: int) -> Erasure:
    """Return a request by its number.

    Raises
    ------
    NotFound
        If there is none.
    """
    with engine.connect() as connection:
        row = connection.execute(select(erasures).where(erasures.c.number == number)).first()
    if row is None:
        raise NotFound(f"no erasure {number}; expected one of `civicrec subject erasures --all`")
    return _erasure(row)


def erasures_of(engine: Engine, person: str) -> list[Erasure]:
    """Return the requests of one person, the newest first."""
    with engine.connect() as connection:
        query = select(erasures).where(erasures.c.person == person).order_by(erasures.c.number.desc())
        return [_erasure(row) for row in connection.execute(query)]


def list_erasures(engine: Engine, *, only_open: bool = False) -> list[Erasure]:
    """Return requests, the oldest first."""
    query = select(erasures).order_by(erasures.c.number)
    if only_open:
        query = query.where(erasures.c.done_at.is_(None))
    with engine.connect() as connection:
        return [_erasure(row) for row in connection.execute(query)]


def note_step(engine: Engine, number: int, store: str, step: Step) -> None:
    """Keep how far one store is. There is one worker, so nobody else changes the steps meanwhile."""
    with engine.connect() as connection, connection.begin():
        steps = connection.execute(select(erasures.c.steps).where(erasures.c.number == number)).scalar_one()
        connection.execute(update(erasures).where(_open(number)).values(steps={**steps, store: asdict(step)}))


def finish_erasure(engine: Engine, number: int, receipt: str, now: datetime) -> None:
    """Keep the receipt and forget who it was."""
    with engine.connect() as connection, connection.begin():
        done = update(erasures).where(_open(number)).values(trace={}, receipt=receipt, done_at=now)
        person = connection.execute(done.returning(erasures.c.person)).scalar()
        if person is not None:
            record(connection, [Act(now, "civicrec", "erased", person, {"number": number})])


def erasures_version(engine: Engine) -> int:
    """Return a number that grows with every request."""
    with engine.connect() as connection:
        return counter(connection, _VERSION)


def refused_until(engine: Engine) -> dict[str, datetime | None]:
    """Return the digests of all names whose events are refused, with the time until which; ``None`` refuses all."""
    with engine.connect() as connection:
        rows = connection.execute(select(erased_ids.c.digest, erased_ids.c.until))
        return {row.digest: as_utc(row.until) if row.until else None for row in rows}


def check_not_under_way(engine: Engine, person: str) -> None:
    """Refuse while a person is being erased: what they agreed to now would be erased with the rest.

    Raises
    ------
    InvalidInput
        If a request of theirs is open.
    """
    with engine.connect() as connection:
        _check_not_under_way(connection, person)


def readmit(engine: Engine, person: str, digest: str, *, by: str, why: str = "", now: datetime) -> bool:
    """Take events of an erased person again that occur after `now`; return whether they were refused so far.

    Only the name that they sign in under: what their browsers did without signing in stays refused.

    Parameters
    ----------
    person, digest
        Of the subject, as `civicrec.security.tokens.Keys.audit_name` and `.erased_digest` make them.

    Raises
    ------
    InvalidInput
        If a request of theirs is open.
    """
    with engine.connect() as connection, connection.begin():
        raise_version(connection)
        _check_not_under_way(connection, person)
        refused = (erased_ids.c.digest == digest) & erased_ids.c.until.is_(None)
        if is_new := bool(connection.execute(update(erased_ids).where(refused).values(until=now)).rowcount):
            record(connection, [Act(now, by, "readmitted", person, {"why": why})])
    return is_new


def clear_traces(engine: Engine) -> bool:
    """Fold SQLite's write-ahead log into the file, so that what was removed stands on no disk; tell whether that went.

    While somebody reads it does not go: try again. PostgreSQL's own log is its administrator's.
    """
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect() as connection:
        is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    return not is_busy


def _check_not_under_way(connection: Connection, person: str) -> None:
    is_mine = (erasures.c.person == person) & erasures.c.done_at.is_(None)
    if row := connection.execute(select(erasures.c.number, erasures.c.due).where(is_mine)).first():
        raise InvalidInput(
            f"erasure {row.number} of this user is under way; expected consent after it is done, by {row.due} at the "
            "latest: `civicrec subject erasures` and GET /v1/me/erasures tell"
        )


def _refuse(connection: Connection, digests: Sequence[str], now: datetime) -> None:
    again = erased_ids.c.digest.in_(digests) & erased_ids.c.until.is_not(None)
    connection.execute(update(erased_ids).where(again).values(until=None))
    known = set(connection.execute(select(erased_ids.c.digest).where(erased_ids.c.digest.in_(digests))).scalars())
    if new := sorted(set(digests) - known):
        connection.execute(insert(erased_ids), [{"digest": digest, "since": now} for digest in new])


def raise_version(connection: Connection) -> None:
    """Raise the counter of erasures, first of all in a transaction (`raise_counter`)."""
    raise_counter(connection, _VERSION)


def _open(number: int) -> Any:
    return (erasures.c.number == number) & erasures.c.done_at.is_(None)


def _plain(who: Person) -> dict[str, Any]:
    return {"subject_id": who.subject_id, "anonymous_ids": list(who.anonymous_ids), "former": list(who.former)}


def _person(site: str, trace: Mapping[str, Any]) -> Person:
    # Requests of before peppers could be changed have no former names.
    return Person(site, trace["subject_id"], tuple(trace["anonymous_ids"]), tuple(trace.get("former", ())))


def _erasure(row: Row[Any]) -> Erasure:
    trace: Mapping[str, Any] = row.trace
    return Erasure(
        row.number, row.site, row.person, as_utc(row.requested_at), row.requested_by, date.fromisoformat(row.due),
        {name: Step(**step) for name, step in row.steps.items()},
        _person(row.site, trace) if trace else None,
        as_utc(row.done_at) if row.done_at else None, row.receipt,
    )  # fmt: skip
