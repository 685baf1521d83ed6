"""The endpoint for events and its limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from civicrec.settings.connections import ConnectionSettings
from civicrec.settings.fields import Group, Host, NetworkList, Port
from civicrec.settings.peers import HttpUrl, PeerSettings


class LimitSettings(Group):
    """How much the collector takes from one client and one site, in events; a request counts as ten more."""

    address_events_per_s: float = Field(default=20_000, ge=0, le=1e9)
    """Events a second from one address (IPv6: one /64), which a whole office may share; 0 means no limit."""
    server_events_per_s: float = Field(default=20_000, ge=0, le=1e9)
    """Events a second with one site's API key, from any address; 0 means no limit."""
    site_events_per_s: float = Field(default=20_000, ge=0, le=1e9)
    """Events a second of one configured site; 0 means no limit. Less than a collector can do, so others get a share."""
    burst_s: float = Field(default=10, ge=0.1, le=3_600)
    """Seconds' worth of a limit that may come at once after a pause."""
    unlimited_networks: NetworkList = ("127.0.0.0/8", "::1/128")
    """Networks whose requests have no limit, unless a trusted proxy says whom they come from: this machine."""


class CollectorSettings(ConnectionSettings, PeerSettings):
    """The endpoint for events."""

    host: Host = "127.0.0.1"
    """Address to listen on; ``0.0.0.0`` or ``::`` are all of the machine's."""
    port: Port = 8701
    """Port to listen on."""
    url: HttpUrl = ""
    """Where the other processes call it, such as ``http://collect:8701``; empty: where it listens, on this machine."""
    group_commit_ms: float = Field(default=2.0, ge=0, le=100)
    """Linger: how long a write waits for others to share its fsync, milliseconds; longer saves disk, costs latency."""
    dedup_window: int = Field(default=500_000, ge=1_000, le=50_000_000)
    """Newest event ids held in memory, about 100 bytes each; older ones are looked up in files of ``<home>/ids``."""
    dedup_hours: float = Field(default=24, gt=0, le=720)
    """How long an event id is known, hours: within them a retry is answered as a duplicate."""
    log_max_mb: int = Field(default=8_192, ge=1, le=100_000_000)
    """Most the event log may hold, MB: beyond it what all readers acknowledged is removed, then events are refused."""
    log_keep_days: float = Field(default=7, gt=0, le=3_650)
    """Acknowledged records older than this are removed even if there is space, days; not before `dedup_hours`."""
    origins: tuple[str, ...] = ("http://127.0.0.1:8702", "http://localhost:8702")
    """Browser origins whose pages may send events while no site is configured; this machine at the port of serving."""
    trusted_proxies: NetworkList = ()
    """Networks whose ``X-Forwarded-For`` is believed: the portal's own proxies, such as ``10.1.2.3``."""
    limits: LimitSettings = LimitSettings()
    ack: Literal["disk", "kafka"] = "disk"
    """When events are answered: `disk` after the fsync, `kafka` after the fsync and Kafka's acknowledgement."""
