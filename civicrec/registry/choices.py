"""What people decided about their own recommendations: the switch, and which tags are theirs.

In: pseudonyms of signed-in users. Out: `Choices`, which no nightly run, retraining, replay or rebuild may undo. Who
refused or withdrew consent in the ledger of `civicrec.registry.consents` is off as who used the switch. A change raises
a counter, so that whoever holds them all sees cheaply that there is something to read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, Table, delete, exists, func, insert, select

from civicrec.clock import as_utc, to_ms
from civicrec.errors import InvalidInput
from civicrec.registry.counters import counter, raise_counter
from civicrec.registry.tables import chosen_tags, consents, counters, suppressed_tags, switched_off

#: Tags one person may choose, and may delete: all of a vocabulary's that say something.
MAX_TAGS = 500
#: The purpose of the ledger without which nothing of a person is used for lists.
PERSONALISE = "personalise"
_VERSION = "choices_version"
_DECIDED = (_VERSION, "attributes_version", "consents_version", "erasures_version")
_BY_ACTOR = (switched_off, suppressed_tags, chosen_tags)


@dataclass(frozen=True, slots=True)
class Choices:
    """What everybody decided.

    Attributes
    ----------
    off
        Actors who switched personalisation off, or refused or withdrew consent to it.
    deleted
        (actor, tag) pairs.
    chosen
        (actor, tag) → epoch ms since when; never of a pair that is deleted.
    """

    off: frozenset[str] = frozenset()
    deleted: frozenset[tuple[str, str]] = frozenset()
    chosen: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActorChoices:
    """What one person decided.

    Attributes
    ----------
    off_since
        When personalisation was switched off, or consent to it refused or withdrawn; ``None`` while neither holds.
    deleted, chosen
        tag → since when.
    """

    off_since: datetime | None = None
    deleted: Mapping[str, datetime] = field(default_factory=dict)
    chosen: Mapping[str, datetime] = field(default_factory=dict)


def choices(engine: Engine) -> Choices:
    """Return what everybody decided."""
    with engine.connect() as connection:
        off = _off(connection)
        deleted = connection.execute(select(suppressed_tags)).all()
        chosen = connection.execute(select(chosen_tags)).all()
    return Choices(
        frozenset(off),
        frozenset((row.actor, row.tag) for row in deleted),
        {(row.actor, row.tag): to_ms(as_utc(row.since)) for row in chosen},
    )


def choices_version(engine: Engine) -> int:
    """Return a number that grows with every change."""
    with engine.connect() as connection:
        return counter(connection, _VERSION)


def decided_versions(engine: Engine) -> tuple[int, ...]:
    """Return numbers of which one grows whenever anybody decides, agrees, declares or asks to be erased."""
    with engine.connect() as connection:
        query = select(counters.c.value).where(counters.c.name.in_(_DECIDED)).order_by(counters.c.name)
        return tuple(connection.execute(query).scalars())


def off_since(engine: Engine) -> dict[str, int]:
    """Return actor → epoch ms since when personalisation is off, by the switch or for want of consent."""
    with engine.connect() as connection:
        return {actor: to_ms(since) for actor, since in _off(connection).items()}


def _off(connection: Connection, actor: str = "") -> dict[str, datetime]:
    """Return who is off since when, the earlier of switch and consent; of one actor only, if one is named."""
    later = consents.alias()
    taken_back = exists().where(
        later.c.actor == consents.c.actor, later.c.purpose == PERSONALISE, later.c.is_given,
        later.c.number > consents.c.number,
    )  # fmt: skip
    refused = (
        select(consents.c.actor, func.min(consents.c.at).label("since"))
        .where(consents.c.purpose == PERSONALISE, consents.c.is_given.is_(False), ~taken_back)
        .group_by(consents.c.actor)
    )
    switched = select(switched_off)
    if actor:
        refused, switched = refused.where(consents.c.actor == actor), switched.where(switched_off.c.actor == actor)
    since: dict[str, datetime] = {}
    for query in (switched, refused):
        for row in connection.execute(query):
            since[row.actor] = min(as_utc(row.since), since.get(row.actor, as_utc(row.since)))
    return since


def off_among(engine: Engine, actors: Collection[str]) -> frozenset[str]:
    """Return those of some actors who used the switch; consent is asked of the ledger itself."""
    with engine.connect() as connection:
        query = select(switched_off.c.actor).where(switched_off.c.actor.in_(actors))
        return frozenset(connection.execute(query).scalars())


def choices_of(engine: Engine, actor: str) -> ActorChoices:
    """Return what one person decided."""
    with engine.connect() as connection:
        off = _off(connection, actor)
        deleted, chosen = (
            {row.tag: as_utc(row.since) for row in connection.execute(select(table).where(table.c.actor == actor))}
            for table in (suppressed_tags, chosen_tags)
        )
    return ActorChoices(off.get(actor), deleted, chosen)


def switch(engine: Engine, actor: str, *, on: bool, now: datetime) -> None:
    """Switch a person's personalisation on or off; said again nothing changes.

    On, it takes back what the switch did and nothing else: consent that was withdrawn stays withdrawn.
    """
    with engine.connect() as connection, connection.begin():
        raise_version(connection)
        is_off = connection.execute(select(switched_off.c.actor).where(switched_off.c.actor == actor)).first()
        if on:
            connection.execute(delete(switched_off).where(switched_off.c.actor == actor))
        elif not is_off:
            connection.execute(insert(switched_off).values(actor=actor, since=now))


def delete_tag(engine: Engine, actor: str, tag: str, now: datetime) -> None:
    """Take a tag from a person for good; one that was chosen is chosen no longer."""
    _decide(engine, actor, tag, now, chosen_tags, suppressed_tags)


def choose_tag(engine: Engine, actor: str, tag: str, now: datetime) -> None:
    """Give a person a tag, also one that was deleted.

    Raises
    ------
    InvalidInput
        If `MAX_TAGS` are chosen already; nothing is changed then.
    """
    _decide(engine, actor, tag, now, suppressed_tags, chosen_tags)


def count_decisions(engine: Engine, actors: Sequence[str]) -> int:
    """Return how many decisions of these actors there are."""
    with engine.connect() as connection:
        return sum(
            connection.execute(select(func.count()).select_from(table).where(table.c.actor.in_(actors))).scalar_one()
            for table in _BY_ACTOR
        )


def erase_decisions(engine: Engine, actors: Sequence[str]) -> None:
    """Remove all that these actors decided."""
    with engine.connect() as connection, connection.begin():
        raise_version(connection)
        for table in _BY_ACTOR:
            connection.execute(delete(table).where(table.c.actor.in_(actors)))


def _decide(engine: Engine, actor: str, tag: str, now: datetime, out_of: Table, into: Table) -> None:
    with engine.connect() as connection, connection.begin():
        raise_version(connection)
        connection.execute(delete(out_of).where(out_of.c.actor == actor, out_of.c.tag == tag))
        mine = select(into.c.tag).where(into.c.actor == actor)
        if connection.execute(mine.where(into.c.tag == tag)).first():
            return
        if connection.execute(select(func.count()).select_from(mine.subquery())).scalar_one() >= MAX_TAGS:
            raise InvalidInput(f"{MAX_TAGS} tags are named already; take one back first")
        connection.execute(insert(into).values(actor=actor, tag=tag, since=now))


def raise_version(connection: Connection) -> None:
    """Raise the counter of what people decided, first of all in a transaction (`raise_counter`)."""
    raise_counter(connection, _VERSION)
