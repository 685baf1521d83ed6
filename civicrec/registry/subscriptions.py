"""What people decided about pushes: which channels and topics they want, and which not.

In: pseudonyms and their decisions. Out: for many people at once, whether a channel may be used for a topic. Without a
decision the inbox is on, which nobody is disturbed by, and every other channel is off: its address was given for
something else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, func, insert, select

from civicrec.clock import as_utc
from civicrec.errors import InvalidInput
from civicrec.registry.choices import raise_version
from civicrec.registry.tables import subscriptions

#: On until somebody switches it off.
ON_BY_ITSELF = "inbox"
#: Decisions of one person: all channels for all themes.
MAX_DECISIONS = 500


@dataclass(frozen=True, slots=True)
class Subscription:
    """A decision: an empty channel or topic stands for all of them."""

    channel: str
    topic: str
    is_on: bool
    since: datetime


def subscribe(engine: Engine, subject: str, channel: str, topic: str, *, is_on: bool, now: datetime) -> None:
    """Keep a decision; it takes the place of an earlier one about the same.

    Raises
    ------
    InvalidInput
        If `MAX_DECISIONS` stand there already; switching all off never is refused.
    """
    mine = subscriptions.c.subject == subject
    same = mine & (subscriptions.c.channel == channel) & (subscriptions.c.topic == topic)
    with engine.connect() as connection, connection.begin():
        raise_version(connection)
        connection.execute(delete(subscriptions).where(same))
        n = connection.execute(select(func.count()).select_from(subscriptions).where(mine)).scalar_one()
        if n >= MAX_DECISIONS and topic:
            raise InvalidInput(f"{n} decisions about pushes are kept; switch a channel off as a whole instead")
        row = {"channel": channel, "topic": topic, "is_on": is_on, "since": now.astimezone(UTC)}
        connection.execute(insert(subscriptions).values(subject=subject, **row))


def subscriptions_of(engine: Engine, subject: str) -> list[Subscription]:
    """Return what a person decided, by channel and topic."""
    query = select(subscriptions).where(subscriptions.c.subject == subject)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(subscriptions.c.channel, subscriptions.c.topic))
        return [Subscription(row.channel, row.topic, row.is_on, as_utc(row.since)) for row in rows]


def wanting(engine: Engine, subjects: Collection[str], channel: str, topic: str) -> frozenset[str]:
    """Return those of some people who may be sent something of a topic through a channel.

    What was switched off as a whole is off for every part of it; one who switched a topic back on gets it again.
    """
    said: dict[str, dict[tuple[bool, bool], bool]] = defaultdict(dict)
    query = select(subscriptions.c.subject, subscriptions.c.channel, subscriptions.c.topic, subscriptions.c.is_on)
    query = query.where(
        subscriptions.c.subject.in_(subjects),
        subscriptions.c.channel.in_(("", channel)),
        subscriptions.c.topic.in_(("", topic)),
    )
    with engine.connect() as connection:
        for row in connection.execute(query):
            said[row.subject][bool(row.channel), bool(row.topic)] = row.is_on
    by_itself = channel == ON_BY_ITSELF
    if by_itself and not said:
        return frozenset(subjects)
    return frozenset(subject for subject in subjects if _is_wanted(said.get(subject, {}), by_itself))


def _is_wanted(said: dict[tuple[bool, bool], bool], by_itself: bool) -> bool:
    whole_channel = said.get((True, False), by_itself)
    return whole_channel and False not in said.values()
