"""Attempts to sign in, counted before they are looked at, so that many at once are not looked at for the price of one.

In: what an attempt is counted against. Out: how long it is held back. A success takes its attempt back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, DateTime, Engine, bindparam, delete, func, select, text, update

from civicrec.clock import as_utc
from civicrec.registry.connection import ids_by_query
from civicrec.registry.tables import failed_sign_ins
from civicrec.security.holding_back import FORGOTTEN, Patience, held_until

#: Accounts, addresses and browsers that are remembered; beyond it the ones that failed longest ago are forgotten.
MAX_KEPT = 20_000
_ADD = text(
    "INSERT INTO failed_sign_ins (counted_against, n, last_at) VALUES (:name, 0, :now) "
    "ON CONFLICT (counted_against) DO NOTHING"
).bindparams(bindparam("now", type_=DateTime(timezone=True)))


def count_attempt(engine: Engine, against: Mapping[str, Patience], now: datetime) -> timedelta:
    """Count an attempt as failed and return zero; held back, it is not counted: return how long that goes on.

    Parameters
    ----------
    against
        Digest of an account, address or browser → how many failures of it are let pass.
    """
    with engine.connect() as connection, connection.begin():
        n_by_name, until = {}, now
        for name in sorted(against):  # one order, or two attempts at once would wait for each other
            n_by_name[name], last_at = _taken(connection, name, now)
            until = max(until, held_until(against[name], n_by_name[name], last_at))
        if until > now:
            return until - now
        for name, n in n_by_name.items():
            this = failed_sign_ins.c.counted_against == name
            connection.execute(update(failed_sign_ins).where(this).values(n=n + 1, last_at=now.astimezone(UTC)))
        _forget_old(connection, now)
    return timedelta()


def take_back(engine: Engine, cleared: str, also: str = "") -> None:
    """Take back an attempt that succeeded.

    Parameters
    ----------
    cleared
        What has failed no more at all: the account or the browser.
    also
        What has failed once less: an address, whose other guesses an own account must not clear.
    """
    kept = failed_sign_ins.c.counted_against
    with engine.connect() as connection, connection.begin():
        connection.execute(delete(failed_sign_ins).where(kept == cleared))
        one_less = update(failed_sign_ins).where(kept == also, failed_sign_ins.c.n > 0)
        connection.execute(one_less.values(n=failed_sign_ins.c.n - 1))


def _taken(connection: Connection, name: str, now: datetime) -> tuple[int, datetime]:
    """Return what is counted of a name, which is this transaction's until its end."""
    at = now.astimezone(UTC)
    connection.execute(_ADD, {"name": name, "now": at})
    wanted = select(failed_sign_ins).where(failed_sign_ins.c.counted_against == name).with_for_update()
    row = connection.execute(wanted).one()
    last_at = as_utc(row.last_at)
    # A clock that was set back holds nobody for longer than the longest wait.
    return (0, now) if now - last_at >= FORGOTTEN else (row.n, min(last_at, now))


def _forget_old(connection: Connection, now: datetime) -> None:
    connection.execute(delete(failed_sign_ins).where(failed_sign_ins.c.last_at <= (now - FORGOTTEN).astimezone(UTC)))
    if connection.execute(select(func.count()).select_from(failed_sign_ins)).scalar_one() > MAX_KEPT:
        oldest = select(failed_sign_ins.c.counted_against).order_by(failed_sign_ins.c.last_at).limit(MAX_KEPT // 10)
        names = connection.execute(oldest).scalars().all()
        for some in ids_by_query(names):
            connection.execute(delete(failed_sign_ins).where(failed_sign_ins.c.counted_against.in_(some)))
