"""What people and firms said of themselves, or their portal imported: each value with its source, validity and history.

In: sealed values. Out: `Kept` rows. Only a person's own words and a portal's import come in here; behaviour never does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update

from civicrec.clock import as_utc
from civicrec.registry.audit import Act, record
from civicrec.registry.counters import raise_counter
from civicrec.registry.tables import attributes

Source = Literal["declared", "imported"]
#: Rows of one person, those that ended included; beyond it the oldest that ended go.
MAX_ROWS = 200
#: How long a value that ended, or is over, stays as history.
KEEP_PAST = timedelta(days=366)
#: Takes the rows of a person; returns new ones, and the attributes that end.
Decide = Callable[[Sequence["Kept"]], tuple[Sequence["Kept"], Collection[str]]]
#: Raised first in every change: of two at once the second waits there.
_VERSION = "attributes_version"
_ROWS_A_FETCH = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """One value of one attribute.

    Attributes
    ----------
    sealed
        The value as JSON, encrypted.
    purpose, catalogue_id
        Of an import: the duty it is for, and its number in the catalogue of shared data; empty of what was declared.
    consent_at
        When the person consented apart to a sensitive value; ``None`` for one that is not.
    ended_at
        When another value took its place; ``None`` while none has.
    """

    attribute: str
    sealed: bytes
    source: Source
    said_at: datetime
    valid_until: datetime
    purpose: str = ""
    catalogue_id: str = ""
    consent_at: datetime | None = None
    ended_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Say whether the value is in force."""
        return self.ended_at is None and now < self.valid_until


def kept_of(engine: Engine, subject: str) -> list[Kept]:
    """Return all rows of a person, the oldest first, those that ended included."""
    with engine.connect() as connection:
        return _of(connection, subject)


def change(
    engine: Engine, subject: str, decide: Decide, now: datetime, acts: Sequence[Act] = ()
) -> list[Kept]:  # fmt: skip
    """Change what is kept of a person in one step; return all rows as they are then.

    Parameters
    ----------
    decide
        Takes the rows and returns new ones and the attributes that end; each new row ends the one before. What it
        raises leaves everything as it was. Nobody else changes these rows meanwhile.
    acts
        What the audit log says of it, in the same transaction.
    """
    change_all(engine, {subject: decide}, now, acts)
    return kept_of(engine, subject)


def change_all(engine: Engine, decisions: Mapping[str, Decide], now: datetime, acts: Sequence[Act] = ()) -> None:
    """Change what is kept of many people in one step, all or none; parameters as of `change`, by person."""
    with engine.connect() as connection, connection.begin():
        raise_counter(connection, _VERSION)
        for subject, decide in decisions.items():
            _change(connection, subject, decide, now)
        record(connection, acts)


def count(engine: Engine, subjects: Collection[str]) -> int:
    """Return how many rows there are of some people, those that ended included."""
    mine = select(func.count()).select_from(attributes).where(attributes.c.subject.in_(subjects))
    with engine.connect() as connection:
        return int(connection.execute(mine).scalar_one())


def forget(engine: Engine, subject: str, attribute: str = "") -> int:
    """Delete all rows of a person, or those of one attribute, history included; return how many there were."""
    mine = attributes.c.subject == subject
    with engine.connect() as connection, connection.begin():
        raise_counter(connection, _VERSION)
        which = mine & (attributes.c.attribute == attribute) if attribute else mine
        return connection.execute(delete(attributes).where(which)).rowcount


def drop_past(engine: Engine, before: datetime) -> int:
    """Delete the rows that ended, or were over, before a time; return how many there were."""
    when = before.astimezone(UTC)
    is_past = (attributes.c.ended_at < when) | (attributes.c.valid_until < when)
    with engine.begin() as connection:
        return connection.execute(delete(attributes).where(is_past)).rowcount


def kept_among(engine: Engine, subjects: Collection[str]) -> dict[str, list[Kept]]:
    """Return person → their values that did not end, of those of some people who have any."""
    rows = select(attributes).where(attributes.c.subject.in_(subjects), attributes.c.ended_at.is_(None))
    found: dict[str, list[Kept]] = {}
    with engine.connect() as connection:
        for row in connection.execute(rows.order_by(attributes.c.number)).mappings():
            found.setdefault(row["subject"], []).append(_kept(row))
    return found


def holders(engine: Engine, after: str, n: int) -> list[str]:
    """Return at most `n` people who declared something that did not end, by name, those behind a name."""
    query = select(attributes.c.subject).where(attributes.c.subject > after, attributes.c.ended_at.is_(None))
    with engine.connect() as connection:
        return list(connection.execute(query.distinct().order_by(attributes.c.subject).limit(n)).scalars())


def everybody(engine: Engine, now: datetime) -> Iterator[tuple[str, list[Kept]]]:
    """Yield (person, values in force), one person after the other."""
    query = select(attributes).where(attributes.c.ended_at.is_(None), attributes.c.valid_until > now.astimezone(UTC))
    query = query.order_by(attributes.c.subject, attributes.c.number)
    with engine.connect().execution_options(yield_per=_ROWS_A_FETCH) as connection, connection.execute(query) as found:
        subject, rows = "", list[Kept]()
        for row in found.mappings():
            if row["subject"] != subject:
                if rows:
                    yield subject, rows
                subject, rows = row["subject"], []
            rows.append(_kept(row))
        if rows:
            yield subject, rows


def _change(connection: Connection, subject: str, decide: Decide, now: datetime) -> None:
    kept = _of(connection, subject)
    new, ended = decide(kept)
    over = {*ended, *(row.attribute for row in new)}
    mine = attributes.c.subject == subject
    if over:
        open_rows = mine & attributes.c.attribute.in_(over) & attributes.c.ended_at.is_(None)
        connection.execute(update(attributes).where(open_rows).values(ended_at=now.astimezone(UTC)))
    if new:
        connection.execute(insert(attributes), [{"subject": subject, **_row(row)} for row in new])
    if len(kept) + len(new) > MAX_ROWS:
        numbers = connection.execute(select(attributes.c.number).where(mine).order_by(attributes.c.number)).scalars()
        past = attributes.c.number.in_(list(numbers)[:-MAX_ROWS]) & attributes.c.ended_at.is_not(None)
        connection.execute(delete(attributes).where(past))


def _of(connection: Connection, subject: str) -> list[Kept]:
    mine = select(attributes).where(attributes.c.subject == subject).order_by(attributes.c.number)
    return [_kept(row) for row in connection.execute(mine).mappings()]


def _row(row: Kept) -> dict[str, Any]:
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in asdict(row).items()
    }


def _kept(row: RowMapping) -> Kept:
    facts: dict[str, Any] = {
        name: as_utc(value) if isinstance(value, datetime) else value for name, value in row.items()
    }
    return Kept(**{name: facts[name] for name in Kept.__dataclass_fields__})
