"""Vendor clients, built in one place from settings; imported where built, so a process loads only its own."""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING, Any

from civicrec.process.whose import LOCKED, REFUSAL, VALKEY_TITLE, is_anothers
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
        redis_connect_func=partial(_connect, settings),
        **redis_arguments(settings),
        protocol=3,  # scores arrive as numbers beside their members
        decode_responses=False,
    )


def _connect(settings: RedisSettings, connection: Any) -> None:
    """Say who we are, and leave if the store is another home's."""
    from redis.exceptions import AuthenticationError, ResponseError
    from redis.exceptions import ConnectionError as NotReached

    if not (home := settings.endpoint.home):
        connection.on_connect()
        return
    where = settings.endpoint.address
    try:
        connection.on_connect()
    except (AuthenticationError, ResponseError) as error:
        if isinstance(error, AuthenticationError) or str(error).startswith("HELLO must"):  # without a password
            raise NotReached(f"{where} {LOCKED} ({error})") from error
        raise
    connection.send_command("CONFIG", "GET", VALKEY_TITLE)
    try:
        said = connection.read_response()
    except ResponseError:  # a server of one's own may not let us look
        return
    if is_anothers(b"".join(said.values()).decode(), home):
        raise NotReached(f"{where} {REFUSAL}")


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
