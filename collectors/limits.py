"""How much one client and one site may send: token buckets in memory, counted in events.

In: who sends, how much, and a monotonic clock. Out: nothing, or `TooMany` with the seconds to wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from civicrec.errors import Unavailable
from civicrec.logs import get_logger
from collectors.client import AddressHash, Networks, client_address

if TYPE_CHECKING:
    from civicrec.settings import LimitSettings

_log = get_logger(__name__)

#: What a request costs beside its events, in events: measured, ten events take as long as the request around them.
REQUEST_COST = 10
#: Bytes that cost as much as an event; an event of the tracker has about 400. Makes unreadable bodies count too.
BYTES_OF_AN_EVENT = 512
#: Clients remembered, some 200 bytes each. The one unheard of for longest is forgotten first, as if it had waited.
MAX_BUCKETS = 50_000
_LONGEST_WAIT_S = 60.0


class TooMany(Unavailable):
    """A client or a site sends more than it may."""

    http_status = 429

    def __init__(self, who: str, wait_s: float) -> None:
        self.retry_after_s = max(1, ceil(min(wait_s, _LONGEST_WAIT_S)))
        super().__init__(f"{who} sends more than its share; nothing was accepted, send again in {self.retry_after_s} s")


class Buckets:
    """One bucket a key: it holds `burst_s` seconds of `per_s`, and fills at that rate.

    A bucket may be overdrawn by the last request: how much that costs is known only once it is read.
    """

    def __init__(self, per_s: float, burst_s: float, max_keys: int = MAX_BUCKETS) -> None:
        self.per_s = per_s
        self._full = per_s * burst_s
        self._max_keys = max_keys
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait_s(self, key: Hashable, now_s: float) -> float:
        """Return the seconds until this key may send; 0 if it may now."""
        return max(0.0, -self._level(key, now_s) / self.per_s) if self.per_s else 0.0

    def take(self, key: Hashable, cost: float, now_s: float) -> None:
        """Take `cost` out, more than there is if need be."""
        if not self.per_s:
            return
        self._levels[key] = (self._level(key, now_s) - cost, now_s)
        self._levels.move_to_end(key)
        if len(self._levels) > self._max_keys:
            self._levels.popitem(last=False)

    def _level(self, key: Hashable, now_s: float) -> float:
        level, at_s = self._levels.get(key, (self._full, now_s))
        return min(self._full, level + (now_s - at_s) * self.per_s)


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
        self._trusted = Networks(trusted_proxies)
        self._unlimited = Networks(settings.unlimited_networks)
        self._hash = AddressHash()
        self._warned = False
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
        address = client_address(peer, headers, self._trusted)
        if address in self._unlimited:
            self._warn_of_proxy(headers)
            return None
        if server_of:
            return Payer(self._servers, server_of, f"the server of site {server_of!r}", is_server=True)
        return Payer(self._addresses, self._hash(address, self._clock()), "this address")

    def _warn_of_proxy(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        if not self._warned and any(name == b"x-forwarded-for" for name, _ in headers):
            self._warned = True
            _log.warning("proxy_not_trusted", remedy="name it in CIVICREC_COLLECTOR__TRUSTED_PROXIES, or limits rest")

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
