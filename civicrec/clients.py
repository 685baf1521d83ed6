"""Vendor clients, built in one place from settings; imported where built, so a process loads only its own."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from civicrec.security.tls import redis_arguments
from civicrec.settings import RedisSettings

if TYPE_CHECKING:
    from httpx import AsyncClient, Client
    from redis import Redis


def redis_client(settings: RedisSettings, timeout_s: float = 5.0) -> Redis:
    """Return a Redis client whose calls give up after `timeout_s` seconds. Nothing is connected yet."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis(
        host=settings.endpoint.host,
        port=settings.endpoint.port,
        db=settings.db,
        password=settings.password.get_secret_value() or None,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # The caller decides what a failure means (fall back or back off), so the client must not hide it.
        retry=Retry(NoBackoff(), 0),
        **redis_arguments(settings),
        protocol=3,  # scores arrive as numbers beside their members
        decode_responses=False,
    )


def http_client(**options: Any) -> Client:
    """Return an httpx client that goes straight to its peer: visitors' events reach no proxy the environment names.

    `options` are httpx's own. The machine's certificate authorities are trusted, and those of ``SSL_CERT_FILE``.
    """
    from httpx import Client

    return Client(trust_env=False, **_trusting(options))


def async_http_client(**options: Any) -> AsyncClient:
    """Return the same for an event loop."""
    from httpx import AsyncClient

    return AsyncClient(trust_env=False, **_trusting(options))


def _trusting(options: dict[str, Any]) -> dict[str, Any]:
    # Only where they are asked for: reading the authorities takes 20 ms.
    return options if "verify" in options else {"verify": ssl.create_default_context(), **options}
