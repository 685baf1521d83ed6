"""Signing in to the console through an OpenID Connect provider of the portal (统一身份认证)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from civicrec.settings.fields import Group, KeyOrEmpty


def _is_base_url(url: str) -> str:
    """Return an address without query and fragment as it is, or raise `ValueError`."""
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if url and (not is_good or set("?#@ \t\r\n") & set(url)):
        raise ValueError("expected an address such as https://sso.example.gov.cn/realms/portal, no query, no user")
    return url


_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
BaseUrl = Annotated[str, AfterValidator(_is_base_url)]


def is_safe(url: str) -> bool:
    """Say whether nobody stands between: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


class OidcSettings(Group):
    """The provider whose accounts open the console; all of it is off while no issuer is set."""

    issuer: BaseUrl = ""
    """The provider, exactly as its tokens name it (`iss`), such as ``https://sso.example.gov.cn/realms/portal``."""
    client_id: str = Field(default="", max_length=256)
    """What the provider calls the console."""
    client_secret: KeyOrEmpty = SecretStr("")
    """The console's secret there; or name a file."""
    client_secret_file: Path | None = None
    """File that holds the secret, for this account alone (mode 0600)."""
    console_url: BaseUrl = ""
    """Where browsers reach the console, such as ``https://www.example.gov.cn/console``; the provider sends them back to
    ``oidc/callback`` below it."""
    name_claim: str = Field(default="preferred_username", max_length=64)
    """Claim that a new account is named after."""
    roles_claim: str = Field(default="groups", max_length=128)
    """Claim that lists what gives roles; a dot goes into an object, as in ``realm_access.roles``."""
    roles: dict[str, Literal["owner", "editor", "analyst", "admin"]] = {}
    """Value of that claim → role, such as ``{"portal-editors": "editor"}``; who has none of them does not get in."""
    scope: str = Field(default="openid profile", max_length=256)
    """What is asked for; some providers want ``groups`` beside it."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer:
            if not is_safe(self.issuer):
                raise ValueError("the issuer is http; expected https, or who stands between could sign in as anybody")
            needed = {"client_id": self.client_id, "console_url": self.console_url, "roles": self.roles}
            if missing := [name for name, value in needed.items() if not value]:
                raise ValueError(f"an issuer is set, and no {', '.join(missing)}")
        return self

    @property
    def callback_url(self) -> str:
        """Where the provider sends browsers back to; it has to know this address."""
        return self.console_url.rstrip("/") + "/oidc/callback"
