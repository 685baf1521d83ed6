"""The endpoint for lists, its limits and the console."""

from __future__ import annotations

from pydantic import Field, SecretStr

from civicrec.settings.connections import ConnectionSettings
from civicrec.settings.fields import Group, Host, KeyOrEmpty, NetworkList, Port
from civicrec.settings.peers import HttpUrl, PeerSettings


class ListLimitSettings(Group):
    """How much one client may ask of a serving process, in lists; any other request counts as one."""

    address_lists_per_s: float = Field(default=200, ge=0, le=1e9)
    """Lists a second from one address (IPv6: one /64), which a whole office may share; 0 means no limit."""
    burst_s: float = Field(default=10, ge=0.1, le=3_600)
    """Seconds' worth of a limit that may come at once after a pause."""
    unlimited_networks: NetworkList = ("127.0.0.0/8", "::1/128")
    """Networks whose requests have no limit: this machine, and the portal's servers that ask for their visitors."""


class ServingSettings(ConnectionSettings, PeerSettings):
    """The endpoint for lists."""

    host: Host = "127.0.0.1"
    """Address to listen on; ``0.0.0.0`` or ``::`` are all of the machine's."""
    port: Port = 8702
    """Port to listen on."""
    url: HttpUrl = ""
    """Where the other processes call it, such as ``http://serve:8702``; empty: where it listens, on this machine."""
    workers: int = Field(default=2, ge=1, le=64)
    """Processes that answer requests; one core is busy with about one."""
    store_timeout_ms: int = Field(default=75, ge=5, le=5_000)
    """How long a list waits for the online store before it is made without it, milliseconds."""
    complaint_days: int = Field(default=5, ge=1, le=60)
    """Working days within which a complaint is answered."""
    filing_number: str = Field(default="", max_length=64)
    """Number of the algorithm's filing (算法备案编号), told by `/v1/transparency` and 推荐说明; empty shows none."""
    holdout_share: float = Field(default=0, ge=0, le=0.5)
    """Share of the visitors who get general lists everywhere, so that it can be said what the others gain, such
    as 0.05; 0 holds nobody out. In force, and off, from the next start of serving."""
    holdout_salt: str = Field(default="", max_length=64)
    """Another one holds out other visitors; days before and after cannot be compared."""
    catalogue_poll_s: float = Field(default=0.02, gt=0, le=60)
    """How often a change of the catalogue is looked for without a request, seconds; a new item is listed after it."""
    served_share: float = Field(default=1, ge=0, le=1)
    """Share of the lists that is kept in the warehouse's ``served``, drawn by request id; 0 keeps none."""
    served_keep_days: int = Field(default=90, ge=1, le=3_650)
    """Days that served lists are kept."""
    served_max_mb: int = Field(default=64, ge=1, le=100_000)
    """Most that served lists waiting for the warehouse may take of the home's disk, MB; beyond it they are lost."""
    console_password: KeyOrEmpty = SecretStr("")
    """Password that the console's first account, `admin`, is made with; at least 16 characters. Empty means the one in
    ``<home>/console.key``, made at first use. Later it changes nothing: `civicrec user password`."""
    trusted_proxies: NetworkList = ()
    """Networks whose ``X-Forwarded-For`` is believed: the portal's own proxies, such as ``10.1.2.3``."""
    limits: ListLimitSettings = ListLimitSettings()
