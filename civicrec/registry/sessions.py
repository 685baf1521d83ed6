"""Sessions of the console: begun, looked up at each request, listed, ended.

In: digests of session ids (`civicrec.security.session_ids`). Out: who is signed in. A session ends when it was not used
for `IDLE`, at the latest after `LONGEST`, and at once when it is ended here or its account is disabled.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update

from civicrec.clock import as_utc
from civicrec.errors import NotFound, Unavailable
from civicrec.registry.accounts import Account, account_of_row
from civicrec.registry.audit import Act, record
from civicrec.registry.tables import accounts, console_sessions

#: A screen that is left alone.
IDLE = timedelta(minutes=30)
#: A working day; the next morning one signs in again.
LONGEST = timedelta(hours=12)
#: Of one account at a time; of more the one unused for longest ends.
MAX_SESSIONS = 10
#: How old the time of the last use may be, so that a page is no write.
_NOTED_EVERY = timedelta(minutes=1)
_NEWEST = (console_sessions.c.used_at.desc(), console_sessions.c.number.desc())


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser.

    Attributes
    ----------
    number
        What it is listed and ended by; it opens nothing.
    browser
        What the browser says of itself.
    """

    number: int
    account: str
    browser: str
    begun_at: datetime
    used_at: datetime


def begin_session(engine: Engine, account: str, digest: str, browser: str, now: datetime) -> None:
    """Begin a session; sessions of whoever that are over are forgotten."""
    mine = console_sessions.c.account == account
    newest = select(console_sessions.c.number).where(mine).order_by(*_NEWEST)
    with engine.connect() as connection, connection.begin():
        connection.execute(delete(console_sessions).where(~_is_good(now)))
        kept = connection.execute(newest.limit(MAX_SESSIONS - 1)).scalars().all()
        connection.execute(delete(console_sessions).where(mine, console_sessions.c.number.not_in(kept)))
        connection.execute(
            insert(console_sessions).values(
                digest=digest, account=account, browser=browser[:120], begun_at=now, used_at=now
            )
        )


def signed_in(engine: Engine, digest: str, now: datetime) -> tuple[Account, Session] | None:
    """Return whose session this is, ``None`` if it is none or over; that it was used is noted once a minute."""
    joined = accounts.join(console_sessions, console_sessions.c.account == accounts.c.name)
    wanted = select(accounts, console_sessions).select_from(joined)
    wanted = wanted.where(console_sessions.c.digest == digest, _is_good(now), accounts.c.disabled_at.is_(None))
    with engine.connect() as connection:
        row = connection.execute(wanted).mappings().first()
    if row is None:
        return None
    session = _session(row)
    if now - session.used_at >= _NOTED_EVERY:
        # Of a registry that can only be read just now, pages are still shown.
        with suppress(Unavailable), engine.connect() as connection, connection.begin():
            this = console_sessions.c.number == session.number
            connection.execute(update(console_sessions).where(this).values(used_at=now))
    return account_of_row(row), session


def sessions_of(engine: Engine, account: str, now: datetime) -> list[Session]:
    """Return the sessions of an account that are good now, the one used last at the head."""
    wanted = select(console_sessions).where(console_sessions.c.account == account, _is_good(now))
    with engine.connect() as connection:
        rows = connection.execute(wanted.order_by(*_NEWEST)).mappings()
        return [_session(row) for row in rows]


def end_session(engine: Engine, account: str, number: int, *, who: str, now: datetime) -> None:
    """End one session of an account.

    Raises
    ------
    NotFound
        If the account has no such session.
    """
    mine = console_sessions.c.account == account
    with engine.connect() as connection, connection.begin():
        if not connection.execute(delete(console_sessions).where(mine, console_sessions.c.number == number)).rowcount:
            raise NotFound(f"account {account!r} has no session {number}; it may be over already")
        record(connection, [Act(now, who, "signed_out", account, {"sessions": 1})])


def end_sessions(engine: Engine, account: str, *, who: str, now: datetime) -> int:
    """End all sessions of an account; return how many there were."""
    with engine.connect() as connection, connection.begin():
        n = connection.execute(delete(console_sessions).where(console_sessions.c.account == account)).rowcount
        if n:
            record(connection, [Act(now, who, "signed_out", account, {"sessions": n})])
    return n


def sign_out(engine: Engine, digest: str, now: datetime) -> None:
    """End the session of a browser; nothing happens if it is over."""
    this = console_sessions.c.digest == digest
    with engine.connect() as connection, connection.begin():
        account = connection.execute(
            delete(console_sessions).where(this).returning(console_sessions.c.account)
        ).scalar()
        if account is not None:
            record(connection, [Act(now, account, "signed_out", account, {"sessions": 1})])


def _is_good(now: datetime) -> Any:
    at = now.astimezone(UTC)
    return (console_sessions.c.used_at > at - IDLE) & (console_sessions.c.begun_at > at - LONGEST)


def _session(row: Any) -> Session:
    return Session(row["number"], row["account"], row["browser"], as_utc(row["begun_at"]), as_utc(row["used_at"]))
