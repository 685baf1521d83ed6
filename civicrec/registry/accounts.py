"""Accounts of the console: who may sign in, and in which roles. Each change has an audit row.

In: names, roles and hashes of passwords. Out: `Account`s. An account is disabled and never removed: the audit log names
it. The last one that may manage the others stays. Whatever takes an account's trust away ends its sessions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from civicrec.clock import as_utc
from civicrec.errors import Conflict, InvalidInput, NotFound
from civicrec.permissions import ROLES, Role, may, roles_of
from civicrec.registry.audit import Act, record
from civicrec.registry.counters import raise_counter
from civicrec.registry.tables import accounts, console_sessions, known_browsers
from civicrec.text import is_blank, unprintable

#: Of the account that opens the console of a new home.
FIRST_NAME = "admin"
MAX_ACCOUNTS = 5_000
MAX_DISPLAY_NAME = 64
_COLUMNS = tuple(column.name for column in accounts.columns)
#: Every writer of accounts raises it first: two at once would each leave the other as the last who manages users.
_VERSION = "accounts_version"
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class LastManager(InvalidInput):
    """Nobody would be left to manage accounts."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in to the console.

    Attributes
    ----------
    name
        What is typed, and what stands in the audit log.
    display_name
        What pages show.
    password_hash
        argon2id; empty for who signs in through an OpenID provider alone.
    must_change
        Whether somebody else knows the password, so that it opens nothing but the page to change it.
    outside_id
        Issuer and subject at the OpenID provider; empty for none.
    disabled_at
        Since when it opens nothing; ``None`` while it does.
    """

    name: str
    display_name: str
    roles: tuple[Role, ...]
    created_at: datetime
    password_at: datetime
    password_hash: str = field(default="", repr=False)
    must_change: bool = False
    outside_id: str = ""
    signed_in_at: datetime | None = None
    disabled_at: datetime | None = None

    @property
    def manages_users(self) -> bool:
        """Whether it may make and disable accounts now."""
        return self.disabled_at is None and may(self.roles, "users", "change")


def name_of(typed: str) -> str:
    """Return the name of an account as it is kept, of what somebody typed.

    Raises
    ------
    InvalidInput
        If no account can have it.
    """
    name = typed.strip().lower()
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"got account {typed[:70]!r}; expected 1 to 64 of a-z, 0-9, . _ @ and -, the first a letter or digit"
        )
    return name


def add_account(engine: Engine, account: Account, *, who: str) -> Account:
    """Keep a new account; `created_at` is now.

    Raises
    ------
    Conflict
        If there is one of this name.
    InvalidInput
        If its name or display name cannot be, it has no role, or there are `MAX_ACCOUNTS` already.
    """
    if name_of(account.name) != account.name:
        raise InvalidInput(f"got account {account.name!r}; expected it as `name_of` returns it")
    roles_of(account.roles)
    _check_display_name(account.display_name)
    with engine.connect() as connection, connection.begin():
        raise_counter(connection, _VERSION)
        if _row_of(connection, account.name):
            raise Conflict(f"there is an account {account.name!r} already; `civicrec user list` shows it")
        _insert(connection, account, who)
    return account


def has_accounts(engine: Engine) -> bool:
    """Say whether there is any account, be it a disabled one."""
    with engine.connect() as connection:
        return _has_accounts(connection)


def add_first_account(engine: Engine, account: Account) -> bool:
    """Keep an account if there is none at all; say whether it was kept."""
    with engine.connect() as connection, connection.begin():
        raise_counter(connection, _VERSION)
        if _has_accounts(connection):
            return False
        _insert(connection, account, "civicrec")
    return True


def account_named(engine: Engine, name: str) -> Account:
    """Return an account.

    Raises
    ------
    NotFound
        If there is none of this name.
    """
    with engine.connect() as connection:
        return account_of_row(_existing(connection, name))


def account_from_outside(engine: Engine, outside_id: str) -> Account | None:
    """Return the account of somebody whom an OpenID provider knows by this id."""
    with engine.connect() as connection:
        row = connection.execute(select(accounts).where(accounts.c.outside_id == outside_id)).mappings().first()
    return account_of_row(row) if row else None


def list_accounts(engine: Engine) -> list[Account]:
    """Return all accounts by name."""
    with engine.connect() as connection:
        return [
            account_of_row(row) for row in connection.execute(select(accounts).order_by(accounts.c.name)).mappings()
        ]


def set_roles(
    engine: Engine, name: str, roles: Iterable[str], *, who: str, now: datetime, is_forced: bool = False
) -> Account:
    """Give an account these roles and no others; they are in force at its next request.

    Parameters
    ----------
    is_forced
        Whether there may be no role, and nobody left to manage accounts: an OpenID provider decides on its own people.

    Raises
    ------
    InvalidInput
        If a role is unknown or none is given; `LastManager` if nobody would be left to manage accounts.
    NotFound
        If there is no such account.
    """
    words = list(roles)
    given = list(roles_of(words)) if words or not is_forced else []
    return _changed(engine, name, {"roles": given}, who, "account_roles", {"roles": given}, now, may_be_last=is_forced)


def disable(engine: Engine, name: str, *, who: str, why: str, now: datetime) -> Account:
    """Let an account open nothing any more; its sessions end. Raises as `set_roles` does."""
    return _changed(engine, name, {"disabled_at": now}, who, "account_disabled", {"why": why}, now, ends_sessions=True)


def enable(engine: Engine, name: str, *, who: str, why: str, now: datetime) -> Account:
    """Let a disabled account sign in again.

    Raises
    ------
    NotFound
        If there is no such account.
    """
    return _changed(engine, name, {"disabled_at": None}, who, "account_enabled", {"why": why}, now)


def set_password(
    engine: Engine, name: str, password_hash: str, *, must_change: bool, who: str, now: datetime
) -> Account:
    """Give an account another password; its sessions end, and browsers it signed in from are strangers again.

    Raises
    ------
    NotFound
        If there is no such account.
    """
    values = {"password_hash": password_hash, "password_at": now, "must_change": must_change}
    facts = {"must_change": must_change}
    return _changed(engine, name, values, who, "account_password", facts, now, ends_sessions=True)


def set_display_name(engine: Engine, name: str, display_name: str, *, who: str, now: datetime) -> Account:
    """Show an account under another name.

    Raises
    ------
    InvalidInput
        If it cannot be shown.
    NotFound
        If there is no such account.
    """
    _check_display_name(display_name)
    return _changed(engine, name, {"display_name": display_name}, who, "account_renamed", {}, now)


def _check_display_name(display_name: str) -> None:
    if is_blank(display_name) or len(display_name) > MAX_DISPLAY_NAME or unprintable(display_name):
        raise InvalidInput(
            f"got display name {display_name[:70]!r}; expected 1 to {MAX_DISPLAY_NAME} characters that can be shown"
        )


def _changed(
    engine: Engine, name: str, values: dict[str, Any], who: str, action: str, facts: dict[str, Any], now: datetime,
    *, ends_sessions: bool = False, may_be_last: bool = False,
) -> Account:  # fmt: skip
    with engine.connect() as connection, connection.begin():
        raise_counter(connection, _VERSION)
        before = account_of_row(_existing(connection, name))
        connection.execute(update(accounts).where(accounts.c.name == name).values(**values))
        after = account_of_row(_existing(connection, name))
        is_less = before.manages_users and not after.manages_users
        if is_less and not may_be_last and not _somebody_manages(connection):
            raise LastManager(f"{name!r} is the last account that may manage the others; give another the role first")
        if ends_sessions:
            connection.execute(delete(console_sessions).where(console_sessions.c.account == name))
            connection.execute(delete(known_browsers).where(known_browsers.c.account == name))
        record(connection, [Act(now, who, action, name, facts)])
    return after


def _somebody_manages(connection: Connection) -> bool:
    rows = connection.execute(select(accounts).where(accounts.c.disabled_at.is_(None))).mappings()
    return any(account_of_row(row).manages_users for row in rows)


def _insert(connection: Connection, account: Account, who: str) -> None:
    if connection.execute(select(func.count()).select_from(accounts)).scalar_one() >= MAX_ACCOUNTS:
        raise InvalidInput(f"there are {MAX_ACCOUNTS} accounts already, and none is removed")
    row = {name: getattr(account, name) for name in _COLUMNS}
    connection.execute(insert(accounts).values(row | {"roles": list(account.roles)}))
    facts = {"roles": list(account.roles), "from_outside": bool(account.outside_id)}
    record(connection, [Act(account.created_at, who, "account_added", account.name, facts)])


def _has_accounts(connection: Connection) -> bool:
    return connection.execute(select(accounts.c.name).limit(1)).first() is not None


def _row_of(connection: Connection, name: str) -> Any:
    return connection.execute(select(accounts).where(accounts.c.name == name)).mappings().first()


def _existing(connection: Connection, name: str) -> Any:
    row = _row_of(connection, name)
    if row is None:
        raise NotFound(f"no account {name[:70]!r}; `civicrec user list` shows what there is")
    return row


def account_of_row(row: Any) -> Account:
    """Return the account of a row of the table, which may hold other columns, too."""
    facts = {name: row[name] for name in _COLUMNS}
    for name in ("created_at", "password_at", "signed_in_at", "disabled_at"):
        facts[name] = as_utc(facts[name]) if facts[name] else None
    # Roles of a newer version are no rights here.
    return Account(**facts | {"roles": tuple(role for role in ROLES if role in facts["roles"])})
