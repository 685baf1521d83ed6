"""Who is sent what: one row a person and channel of a campaign, under a key that is the same however often it is made.

In: keys and states. Out: rows that are due, counts. A row is written once and goes from waiting to its end; who comes
after a crash finds what was not done yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from civicrec.clock import as_utc
from civicrec.registry.connection import ids_by_query
from civicrec.registry.tables import deliveries

#: `sent`: the channel took it; `delivered`: it is where the person finds it; `refused`: the channel never takes it.
DeliveryState = Literal["waiting", "sent", "delivered", "refused", "left_out", "held_out"]
_SENT = ("sent", "delivered")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row."""

    key: str
    campaign_id: str
    version: int
    subject: str
    channel: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row: its state, why, and when it is due again while it waits."""

    key: str
    state: DeliveryState
    reason: str = ""
    due_at: datetime | None = None
    was_tried: bool = False


def enlist(engine: Engine, rows: Sequence[Delivery], state: DeliveryState, due_at: datetime) -> None:
    """Write rows; one that is there already stays as it is."""
    if not rows:
        return
    values = [
        {
            "delivery_key": row.key, "campaign_id": row.campaign_id, "version": row.version, "subject": row.subject,
            "channel": row.channel, "state": state, "reason": "", "attempts": 0, "due_at": due_at.astimezone(UTC),
            "done_at": None, "reported": 1,
        }
        for row in rows
    ]  # fmt: skip
    dialect = sqlite if engine.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(deliveries).on_conflict_do_nothing(index_elements=["delivery_key"])
    with engine.begin() as connection:
        connection.execute(statement, values)


def due(engine: Engine, campaign_id: str, channel: str, now: datetime, n: int) -> list[Delivery]:
    """Return at most `n` rows of a campaign and channel that wait and are due, the first that were."""
    table = deliveries
    columns = (
        table.c.delivery_key, table.c.campaign_id, table.c.version, table.c.subject, table.c.channel, table.c.attempts
    )  # fmt: skip
    waiting = select(*columns).where(
        table.c.state == "waiting",
        table.c.campaign_id == campaign_id,
        table.c.due_at <= now.astimezone(UTC),
        table.c.channel == channel,
    )
    with engine.connect() as connection:
        rows = connection.execute(waiting.order_by(table.c.due_at).limit(n))
        return [Delivery(*row) for row in rows]


def delivery(engine: Engine, key: str) -> Delivery | None:
    """Return a row by its key, if there is one."""
    table = deliveries
    columns = (
        table.c.delivery_key, table.c.campaign_id, table.c.version, table.c.subject, table.c.channel, table.c.attempts
    )  # fmt: skip
    with engine.connect() as connection:
        row = connection.execute(select(*columns).where(table.c.delivery_key == key)).first()
    return Delivery(*row) if row else None


def deliveries_of(engine: Engine, subject: str, n: int) -> list[tuple[str, str, str, datetime | None]]:
    """Return campaign, channel, state and end of a person's deliveries, at most `n`."""
    table = deliveries
    query = select(table.c.campaign_id, table.c.channel, table.c.state, table.c.done_at)
    query = query.where(table.c.subject == subject).order_by(table.c.done_at.desc(), table.c.delivery_key).limit(n)
    with engine.connect() as connection:
        rows = connection.execute(query)
        return [(row.campaign_id, row.channel, row.state, as_utc(row.done_at) if row.done_at else None) for row in rows]


def settle(engine: Engine, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write down what became of rows, all in one step."""
    alike: dict[tuple[DeliveryState, str, datetime | None, bool], list[str]] = defaultdict(list)
    for one in outcomes:
        alike[one.state, one.reason, one.due_at, one.was_tried].append(one.key)
    if not alike:
        return
    with engine.begin() as connection:
        for (state, reason, due_at, was_tried), keys in alike.items():
            values: dict[str, Any] = {"reason": reason, "attempts": deliveries.c.attempts + int(was_tried)}
            if state == "waiting":
                values["due_at"] = (due_at or now).astimezone(UTC)
            else:
                values |= {"state": state, "done_at": now.astimezone(UTC), "reported": int(state not in _SENT)}
            for some in ids_by_query(keys):
                mine = deliveries.c.delivery_key.in_(some) & (deliveries.c.state == "waiting")
                connection.execute(update(deliveries).where(mine).values(**values))


@dataclass(frozen=True, slots=True)
class Told:
    """A row that was sent or delivered, and of which the collector has not heard."""

    key: str
    campaign_id: str
    version: int
    subject: str
    channel: str
    state: DeliveryState
    at: datetime


def unreported(engine: Engine, n: int) -> list[Told]:
    """Return at most `n` rows that the collector has not heard of, the first that ended at the head."""
    table = deliveries
    columns = (
        table.c.delivery_key, table.c.campaign_id, table.c.version, table.c.subject, table.c.channel, table.c.state,
        table.c.done_at,
    )  # fmt: skip
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(table.c.reported == 0).order_by(table.c.done_at).limit(n))
        return [Told(*row[:-1], as_utc(row[-1])) for row in rows]


def mark_reported(engine: Engine, keys: Sequence[str]) -> None:
    """Write down that the collector heard of rows."""
    with engine.begin() as connection:
        for some in ids_by_query(keys):
            connection.execute(update(deliveries).where(deliveries.c.delivery_key.in_(some)).values(reported=1))


def refused_of(engine: Engine, campaign_id: str) -> int:
    """Return how many messages of a campaign the channels refused, or were given up."""
    mine = (deliveries.c.campaign_id == campaign_id) & (deliveries.c.state == "refused")
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(deliveries).where(mine)).scalar_one())


def overview(engine: Engine) -> dict[str, int]:
    """Return how many rows wait, were refused, and are unheard of by the collector."""
    table = deliveries
    query = select(
        func.count().filter(table.c.state == "waiting").label("waiting"),
        func.count().filter(table.c.state == "refused").label("refused"),
        func.count().filter(table.c.reported == 0).label("unreported"),
    ).where(table.c.state.in_(("waiting", "refused")) | (table.c.reported == 0))
    with engine.connect() as connection:
        return {name: int(n) for name, n in connection.execute(query).mappings().one().items()}


def leave_out(engine: Engine, campaign_id: str, reason: str, now: datetime) -> int:
    """End all rows of a campaign that still wait; return how many."""
    waiting = (deliveries.c.campaign_id == campaign_id) & (deliveries.c.state == "waiting")
    with engine.begin() as connection:
        done = {"state": "left_out", "reason": reason, "done_at": now.astimezone(UTC)}
        return connection.execute(update(deliveries).where(waiting).values(**done)).rowcount


def sent_times(
    engine: Engine, subjects: Collection[str], since: datetime, but: str
) -> Mapping[str, Sequence[datetime]]:
    """Return person → when each other campaign first reached them since a time, in order; of those whom any did."""
    table = deliveries
    query = (
        select(table.c.subject, table.c.campaign_id, func.min(table.c.done_at).label("at"))
        .where(
            table.c.subject.in_(subjects), table.c.done_at >= since.astimezone(UTC), table.c.state.in_(_SENT),
            table.c.campaign_id != but,
        )
        .group_by(table.c.subject, table.c.campaign_id)
    )  # fmt: skip
    times: dict[str, list[datetime]] = defaultdict(list)
    with engine.connect() as connection:
        for row in connection.execute(query):
            times[row.subject].append(as_utc(row.at))
    return {subject: sorted(some) for subject, some in times.items()}


def counts_of(engine: Engine, campaign_id: str) -> list[dict[str, Any]]:
    """Return channel, state, reason and how many rows, of one campaign."""
    table = deliveries
    by = (table.c.channel, table.c.state, table.c.reason)
    query = select(*by, func.count().label("n")).where(table.c.campaign_id == campaign_id).group_by(*by).order_by(*by)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def n_waiting(engine: Engine, campaign_id: str) -> int:
    """Return how many rows of a campaign still wait, due or not."""
    mine = (deliveries.c.campaign_id == campaign_id) & (deliveries.c.state == "waiting")
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(deliveries).where(mine)).scalar_one())


def drop_old(engine: Engine, before: datetime) -> int:
    """Delete rows that ended before a time; return how many."""
    with engine.begin() as connection:
        return connection.execute(delete(deliveries).where(deliveries.c.done_at < before.astimezone(UTC))).rowcount
