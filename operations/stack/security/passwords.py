"""Passwords and keys that can be guessed, that are missing, or that serve two ends.

In: settings. Out: `Opening`s that name the setting and never its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from civicrec.home import SECRET_KEY
from civicrec.security.secrets import MIN_CHARACTERS
from civicrec.settings import RedisSettings, Settings, WarehouseSettings
from operations.stack.security.openings import Opening

CHECK, CHECK_TOKEN_KEY = "passwords and keys", "key of tokens"  # noqa: S105  # names of checks
#: Fewer different characters than this are a pattern, whatever the length; 64 random hexadecimal digits have 14.
_FEW_CHARACTERS = 6
#: What people and samples write in place of a secret; digits and signs around it do not make it better.
_COMMON = (
    "password", "passw0rd", "changeme", "change-me", "secret", "civicrec", "admin", "default", "clickhouse", "redis",
    "postgres", "qwerty", "123456", "abcdef", "example", "test", "demo", "letmein",
)  # fmt: skip


def weakness_of(secret: str) -> str:
    """Say why a secret can be guessed, empty if nothing speaks for that.

    Examples
    --------
    >>> weakness_of("hunter2"), weakness_of("abababababababababab"), weakness_of("Password-password-1")
    ('has 7 characters', 'has 2 different characters', 'is made of words that everybody tries')
    >>> weakness_of("5f0c7be91d3a48e6b2a97c4410fd83e5")
    ''
    """
    if len(secret) < MIN_CHARACTERS:
        return f"has {len(secret)} characters"
    if len(set(secret)) < _FEW_CHARACTERS:
        return f"has {len(set(secret))} different characters"
    left = secret.lower()
    for word in _COMMON:
        left = left.replace(word, "")
    rest = [sign for sign in left if sign.isalnum()]
    return "is made of words that everybody tries" if len(rest) < _FEW_CHARACTERS and left != secret.lower() else ""


def secrets_of(settings: Settings) -> dict[str, str]:
    """Return setting → secret, of those that are set."""
    found = {
        "CIVICREC_PEPPER": settings.pepper,
        "CIVICREC_SERVING__CONSOLE_PASSWORD": settings.serving.console_password,
        "CIVICREC_WAREHOUSE__PASSWORD": settings.warehouse.password,
        "CIVICREC_REDIS__PASSWORD": settings.redis.password,
        "CIVICREC_KAFKA__PASSWORD": settings.kafka.password,
        "CIVICREC_OIDC__CLIENT_SECRET": settings.oidc.client_secret,
    }
    for name, site in settings.sites.items():
        found[f"key of site {name}"] = site.key
        if site.api_key is not None:
            found[f"api_key of site {name}"] = site.api_key
    secrets = {name: value.get_secret_value() for name, value in found.items() if value.get_secret_value()}
    if registry := _registry_password(settings):
        secrets["CIVICREC_REGISTRY_URL"] = registry
    return secrets


def weak_secrets(secrets: Mapping[str, str]) -> list[Opening]:
    """Judge secrets by themselves, and whether two are the same."""
    return [
        *(
            Opening(CHECK, "hole", f"{name} {weakness}", "take another, such as `openssl rand -hex 32` prints")
            for name, secret in secrets.items()
            if (weakness := weakness_of(secret))
        ),
        *_repeated(secrets),
    ]


def stores_without_password(settings: Settings) -> list[Opening]:
    """Judge stores of one's own that are opened without a password; embedded ones have one from their first start."""
    own: dict[str, WarehouseSettings | RedisSettings] = {"WAREHOUSE": settings.warehouse, "REDIS": settings.redis}
    return [
        Opening(
            CHECK, "hole", f"the store at {store.endpoint.address} is opened without a password",
            f"give it one, and set CIVICREC_{name}__PASSWORD",
        )
        for name, store in own.items()
        if store.url and not store.password.get_secret_value() and store.cert_file is None
    ]  # fmt: skip


def look_at_passwords(settings: Settings) -> list[Opening]:
    """Look at every secret of the settings; those of the home are made by civicrec, or refused when it reads them."""
    return [*weak_secrets(secrets_of(settings)), *stores_without_password(settings)]


def look_at_token_key(settings: Settings) -> list[Opening]:
    """Look whether there is a secret from which pseudonyms and keys of sites without one are made."""
    if settings.pepper.get_secret_value() or SECRET_KEY.of(settings.home).exists():
        return []
    what = f"there is no CIVICREC_PEPPER and no {SECRET_KEY.name} yet: the next start makes one"
    remedy = "put the file back from its copy if this home had one: with another every visitor becomes a new one"
    return [Opening(CHECK_TOKEN_KEY, "advice", what, remedy)]


def _repeated(secrets: Mapping[str, str]) -> Iterator[Opening]:
    by_value: dict[str, list[str]] = {}
    for name, secret in secrets.items():
        by_value.setdefault(secret, []).append(name)
    for names in by_value.values():
        if len(names) > 1:
            # An API key travels with each request; who sees it could sign tokens of any person with the other.
            yield Opening(CHECK, "hole", f"{' and '.join(names)} are one secret", "give each a secret of its own")


def _registry_password(settings: Settings) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    url = settings.registry_url.get_secret_value()
    try:
        return str(make_url(url).password or "") if url else ""
    except ArgumentError:  # no address at all: starting says what is wrong with it
        return ""
