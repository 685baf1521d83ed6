"""Push campaigns: what all of them have in common, and the gateway that takes messages out of the portal."""

from __future__ import annotations

from pydantic import Field, SecretStr

from civicrec.settings.fields import Group, KeyOrEmpty, NetworkList


class PushSettings(Group):
    """What all push campaigns have in common, and the portal's gateway for the channel `webhook`."""

    holdout_share: float = Field(default=0.05, ge=0, le=0.5)
    """Share of the people who get no push at all, so that reports tell what pushes are worth; 0 holds out nobody."""
    webhook_url: str = Field(default="", max_length=2_000)
    """Address of the portal's gateway, of https, or of http on this machine; empty: no channel `webhook`."""
    webhook_key: KeyOrEmpty = SecretStr("")
    """Key of at least 16 characters by which requests to the gateway are signed; empty: derived from the pepper."""
    networks: NetworkList = ()
    """Private networks that the gateway may be in, such as ``10.1.2.0/24``; others are refused."""
    webhook_batch: int = Field(default=100, ge=1, le=500)
    """Messages of one request; 1 for gateways that take one at a time."""
    webhook_connections: int = Field(default=4, ge=1, le=32)
    """Requests that the gateway is sent at the same time."""
    webhook_timeout_s: float = Field(default=10, ge=0.5, le=120)
    """How long one answer of the gateway may take as a whole, seconds."""
    webhook_tries: int = Field(default=48, ge=1, le=1_000)
    """Tries of a message before it is given up and counted as refused."""
    webhook_pause_s: float = Field(default=5, ge=0.1, le=3_600)
    """Pause after a first failed try, seconds; each later one is twice as long, an hour at most."""
