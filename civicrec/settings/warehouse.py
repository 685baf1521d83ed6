"""The warehouse: a ClickHouse server, or the embedded gateway."""

from __future__ import annotations

from pydantic import Field, SecretStr

from civicrec.settings.connections import ConnectionSettings
from civicrec.settings.fields import Host, Port
from civicrec.settings.peers import HttpUrl
from civicrec.settings.store import StoreSettings


class WarehouseSettings(ConnectionSettings, StoreSettings):
    """ClickHouse, or the embedded gateway that speaks its HTTP interface; the first three are the gateway's."""

    header_timeout_s: float = Field(default=60, ge=0.1, le=600)
    """How long a connection may take to send the head of a request, or rest between two, seconds."""
    body_timeout_s: float = Field(default=60, ge=0.1, le=600)
    """How long a body may take to arrive, or a part of an answer to be taken, seconds."""
    max_connections: int = Field(default=256, ge=16, le=10_000)
    """Connections open at once, a thread each; one more takes the place of the one that has rested longest."""

    host: Host = "127.0.0.1"
    """Host of the HTTP interface: the embedded gateway listens there."""
    port: Port = 8703
    """Port of the HTTP interface."""
    url: HttpUrl = ""
    """Where it is called, such as ``http://clickhouse:8123``, with ``https://`` for TLS; empty: at host and port."""
    user: str = "default"
    """User name."""
    password: SecretStr = SecretStr("")
    """Password; empty: the one the embedded warehouse made in ``<home>/warehouse.key``, if it did."""
    database: str = "civicrec"
    """Database that holds all tables."""
    timeout_s: float = Field(default=30, gt=0, le=3_600)
    """Longest wait for one query, seconds."""
    keep_days: int = Field(default=400, ge=62, le=36_500)
    """Days that raw events and dead letters are kept; the nightly job drops whole months that are older."""
