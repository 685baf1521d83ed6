"""How much one client and one site may send, counted in events.

In: who sends, how much, and a monotonic clock. Out: nothing, or `TooMany` with the seconds to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from civicrec.web.limits import Addresses, Buckets, TooMany

if TYPE_CHECKING:
    from civicrec.settings import LimitSettings

#: What a request costs beside its events, in events: measured, ten events take as long as the request around them.
REQUEST_COST = 10
#: Bytes that cost as much as an event; an event of the tracker has about 400. Makes unreadable bodies count too.
BYTES_OF_AN_EVENT = 512


@dataclass(frozen=True, slots=True)
class Payer:
    """Who a request is counted against: the class of its address, or the site whose API key it carries."""

    buckets: Buckets
    key: Hashable
    who: str
    is_server: bool = False


class Limits:
    """The limits of one collector."""

    def __init__(self, settings: LimitSettings, trusted_proxies: Sequence[str], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._clients = Addresses(
            trusted_proxies, settings.unlimited_networks, "CIVICREC_COLLECTOR__TRUSTED_PROXIES", clock
        )
        self._addresses = Buckets(settings.address_events_per_s, settings.burst_s)
        self._servers = Buckets(settings.server_events_per_s, settings.burst_s)
        self._sites = Buckets(settings.site_events_per_s, settings.burst_s)

    def payer(self, peer: str, headers: Sequence[tuple[bytes, bytes]], server_of: str = "") -> Payer | None:
        """Return who pays for a request; ``None`` if it comes from a network without limits.

        Parameters
        ----------
        peer
            Address of the connection.
        server_of
            The site whose API key came with the request and is right.
        """
        key = self._clients.class_of(peer, headers)
        if key is None:
            return None
        if server_of:
            return Payer(self._servers, server_of, f"the server of site {server_of!r}", is_server=True)
        return Payer(self._addresses, key, "this address")

    def check(self, payer: Payer | None) -> None:
        """Raise `TooMany` if the payer has to wait."""
        if payer and (wait_s := payer.buckets.wait_s(payer.key, self._clock())):
            raise TooMany(payer.who, wait_s)

    def charge(self, payer: Payer | None, n_events: int, n_bytes: int) -> None:
        """Count a request, whatever became of it."""
        if payer:
            cost = REQUEST_COST + max(n_events, n_bytes // BYTES_OF_AN_EVENT)
            payer.buckets.take(payer.key, cost, self._clock())

    def charge_sites(self, payer: Payer | None, n_events_of: Mapping[str, int]) -> None:
        """Count the events of each site; if one has to wait, count none and raise `TooMany`."""
        if payer is None or payer.is_server:
            return
        now_s = self._clock()
        for site in n_events_of:
            if wait_s := self._sites.wait_s(site, now_s):
                raise TooMany(f"site {site!r}", wait_s)
        for site, n_events in n_events_of.items():
            self._sites.take(site, n_events, now_s)
