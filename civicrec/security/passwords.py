"""Which password opens which store of the embedded stack, when the settings name none.

In: settings, and the secrets of the home. Out: settings with the passwords in force. Stores of one's own are opened
with what the settings say: their home holds no secret of an embedded store, for no such store ever started there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from civicrec.home import ANALYST_KEY, READER_KEY, VALKEY_KEY, WAREHOUSE_KEY
from civicrec.security.secrets import ensure_secret, read_secret

if TYPE_CHECKING:
    from civicrec.settings import Settings

#: User of the embedded warehouse who may read and nothing else.
READER = "reader"
#: User of the embedded warehouse who reads the analysts' views and nothing else.
ANALYST = "analyst"


def with_passwords(settings: Settings) -> Settings:
    """Return the settings with the home's own passwords where none are set."""
    for group, key in (("warehouse", WAREHOUSE_KEY), ("redis", VALKEY_KEY)):
        secret = "" if getattr(settings, group).password.get_secret_value() else _readable_secret(key.of(settings.home))
        if secret:
            settings = _with(settings, group, password=SecretStr(secret))
    return settings


def as_analyst(settings: Settings) -> Settings:
    """Return settings for an analyst: the embedded warehouse's analyst, unless a user is set by name."""
    if "user" in settings.warehouse.model_fields_set:
        return settings
    secret = _readable_secret(ANALYST_KEY.of(settings.home))
    if not secret:
        return settings
    return _with(settings, "warehouse", user=ANALYST, password=SecretStr(secret))


def ensure_warehouse_passwords(settings: Settings) -> tuple[str, str, str]:
    """Return the passwords of the embedded warehouse's full user, reader and analyst, made at its first start."""
    full = settings.warehouse.password.get_secret_value() or ensure_secret(WAREHOUSE_KEY.of(settings.home))
    return full, ensure_secret(READER_KEY.of(settings.home)), ensure_secret(ANALYST_KEY.of(settings.home))


def with_valkey_password(settings: Settings) -> Settings:
    """Return the settings with the password of the embedded online store, made at its first start."""
    password = settings.redis.password.get_secret_value() or ensure_secret(VALKEY_KEY.of(settings.home))
    return _with(settings, "redis", password=SecretStr(password))


def _readable_secret(path: Path) -> str:
    # In another account's home there is nothing for us; the store will say that a password is missing.
    return read_secret(path) if os.access(path, os.R_OK) else ""


def _with(settings: Settings, group: str, **values: object) -> Settings:
    return settings.model_copy(update={group: getattr(settings, group).model_copy(update=values)})
