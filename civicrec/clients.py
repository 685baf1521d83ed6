"""Vendor clients, built in one place from settings; imported where built, so a process loads only its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from civicrec.settings import RedisSettings

if TYPE_CHECKING:
    from redis import Redis


def redis_client(settings: RedisSettings, timeout_s: float = 5.0) -> Redis:
    """Return a Redis client whose calls give up after `timeout_s` seconds. Nothing is connected yet."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis(
        host=settings.host,
        port=settings.port,
        db=settings.db,
        password=settings.password.get_secret_value() or None,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        # The caller decides what a failure means (fall back or back off), so the client must not hide it.
        retry=Retry(NoBackoff(), 0),
        protocol=3,  # scores arrive as numbers beside their members
        decode_responses=False,
    )
