"""Accounts of people whom an OpenID provider knows: made at their first sign-in, their roles the provider's.

In: what a provider proved. Out: the account. A name is never a way into an account that was made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from civicrec.errors import InvalidInput, NotFound, Unauthorized
from civicrec.permissions import roles_of
from civicrec.registry.accounts import (
    MAX_DISPLAY_NAME,
    Account,
    account_from_outside,
    account_named,
    add_account,
    name_of,
    set_display_name,
    set_roles,
)
from civicrec.registry.sign_in import note_sign_in
from civicrec.security.session_ids import id_digest
from civicrec.text import is_blank, printable

#: Who changes an account here by what the provider says.
WHO = "oidc"
_MAX_ID = 512


@dataclass(frozen=True, slots=True)
class Outsider:
    """Somebody whom a provider proved.

    Attributes
    ----------
    outside_id
        Issuer and subject, which never change.
    name, display_name
        What the provider calls them; either may be anything.
    roles
        What its claims give.
    """

    outside_id: str
    name: str
    display_name: str
    roles: tuple[str, ...]


def sign_in_from_outside(engine: Engine, person: Outsider, now: datetime) -> Account:
    """Return the account of a person, made or brought up to date.

    Raises
    ------
    Unauthorized
        If they have no role, or the account is disabled here.
    """
    if len(person.outside_id) > _MAX_ID:
        raise Unauthorized(f"the provider's id of a person has {len(person.outside_id)} characters")
    account = account_from_outside(engine, person.outside_id)
    if not person.roles:
        if account is not None and account.disabled_at is None and account.roles:
            set_roles(engine, account.name, (), who=WHO, now=now, is_forced=True)
        raise Unauthorized("the provider gives this person no role of the console")
    if account is None:
        account = add_account(engine, _made(engine, person, now), who=WHO)
    if account.disabled_at:
        raise Unauthorized(f"account {account.name} is disabled")
    if set(account.roles) != set(person.roles):
        account = set_roles(engine, account.name, person.roles, who=WHO, now=now, is_forced=True)
    shown = _shown(person, account.name)
    if account.display_name != shown:
        account = set_display_name(engine, account.name, shown, who=WHO, now=now)
    with engine.connect() as connection, connection.begin():
        note_sign_in(connection, account, now, by=WHO)
    return account


def _made(engine: Engine, person: Outsider, now: datetime) -> Account:
    name = _free_name(engine, person)
    return Account(name, _shown(person, name), roles_of(person.roles), now, now, outside_id=person.outside_id)


def _free_name(engine: Engine, person: Outsider) -> str:
    """Return the provider's name, made another's nobody can have by the person's id where it is taken or no name."""
    suffix = id_digest(person.outside_id)[:8]
    try:
        name = name_of(person.name)
    except InvalidInput:
        return f"oidc-{suffix}"
    try:
        account_named(engine, name)
    except NotFound:
        return name
    return f"{name[:55]}-{suffix}"


def _shown(person: Outsider, name: str) -> str:
    shown = printable(person.display_name).strip()[:MAX_DISPLAY_NAME]
    return name if is_blank(shown) else shown
