"""The account that opens the console of a new home, and of one from before there were accounts.

In: settings and a registry. Out: an account with every role, whose password is the one of the settings or the home.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from civicrec.errors import NotFound
from civicrec.permissions import ROLES
from civicrec.registry.accounts import FIRST_NAME, Account, account_named, add_first_account, has_accounts
from civicrec.security.account_passwords import hash_of, is_password_of
from civicrec.security.secrets import ensure_secret, read_secret
from civicrec.settings import Settings


def first_password(settings: Settings) -> str:
    """Return the password of the first account, from the settings or from the home, where it is made at first use.

    Raises
    ------
    ConfigError
        If the file cannot be made or holds no good secret.
    """
    return settings.serving.console_password.get_secret_value() or ensure_secret(settings.console_key_path)


def ensure_first_account(engine: Engine, settings: Settings, now: datetime) -> bool:
    """Add the first account if there is none at all; say whether it was added.

    It has every role, so that whoever opened the console with its one password still sees all of it.
    """
    if has_accounts(engine):
        return False
    kept = hash_of(first_password(settings))
    return add_first_account(engine, Account(FIRST_NAME, "系统管理员", ROLES, now, now, kept))


def opens_with_first_password(engine: Engine, settings: Settings) -> bool:
    """Say whether the first account opens with the password of the settings or the home; no password is made."""
    try:
        account = account_named(engine, FIRST_NAME)
    except NotFound:
        return False
    password = settings.serving.console_password.get_secret_value() or read_secret(settings.console_key_path)
    return account.disabled_at is None and bool(password) and is_password_of(password, account.password_hash)
