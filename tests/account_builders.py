"""Accounts and signed-in browsers for tests, made as the console makes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import Engine

from civicrec.permissions import ROLES, Role
from civicrec.registry.accounts import Account, add_account, has_accounts
from civicrec.registry.sessions import begin_session
from civicrec.security.account_passwords import hash_of
from civicrec.security.session_ids import id_digest
from serving.console.cookies import SESSION
from serving.console.viewer import Viewer

PASSWORD = "Lychee-Harbour-31"
#: Somebody who may do everything, for functions that make pages.
EVERYBODY = Viewer("li", "李明", ROLES, form_token="t" * 64, session=1)


@cache
def kept_hash(password: str = PASSWORD) -> str:
    return hash_of(password)


def an_account(name: str = "li", roles: Sequence[Role] = ROLES, now: datetime | None = None, **more: object) -> Account:
    at = now or datetime(2026, 3, 10, 4, 0).astimezone()
    facts: dict[str, object] = {"password_hash": kept_hash(), **more}
    return Account(name, f"{name}的姓名", tuple(roles), at, at, **facts)  # type: ignore[arg-type]


def signed_in_as(registry: Engine, now: datetime, roles: Sequence[Role] = ROLES, name: str = "li") -> str:
    """Add an account if need be, and return the session id of a browser that is signed in to it."""
    session_id = f"session-of-{name}"
    if not has_accounts(registry) or name not in _names(registry):
        add_account(registry, an_account(name, roles, now), who="test")
        begin_session(registry, name, id_digest(session_id), "Chromium", now)
    return session_id


def cookie_header(session_id: str) -> dict[str, str]:
    return {"cookie": f"{SESSION}={session_id}"}


def _names(registry: Engine) -> list[str]:
    from civicrec.registry.accounts import list_accounts

    return [one.name for one in list_accounts(registry)]
