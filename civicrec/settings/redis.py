"""The online store."""

from __future__ import annotations

from pydantic import Field, SecretStr

from civicrec.crowds import K_ANONYMITY
from civicrec.settings.fields import Host, Port
from civicrec.settings.peers import RedisUrl
from civicrec.settings.store import StoreSettings


class RedisSettings(StoreSettings):
    """The online store: Redis or Valkey."""

    host: Host = "127.0.0.1"
    """Host: the embedded Valkey listens there."""
    port: Port = 8704
    """Port; the embedded stack starts Valkey here."""
    url: RedisUrl = ""
    """Where it is called, such as ``redis://redis:6379``, with ``rediss://`` for TLS; empty: at host and port."""
    db: int = Field(default=0, ge=0, le=15)
    """Database number."""
    password: SecretStr = SecretStr("")
    """Password; empty: the one the embedded Valkey was given in ``<home>/valkey.key``, if it was started there."""
    max_memory_mb: int = Field(default=512, ge=16, le=1_000_000)
    """Memory of the online store, MB: the embedded Valkey may use so much; of your own server, its ``maxmemory``."""
    max_actors: int = Field(default=0, ge=0, le=1_000_000_000)
    """Visitors whose profile is held, most active and newest first; 0: as many as take two fifths of the memory."""
    min_actors: int = Field(default=K_ANONYMITY, ge=1, le=1_000)
    """Visitors who must stand behind a live trend, or a pair of items read together, before lists tell of it."""
