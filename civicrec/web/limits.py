"""How much one client may ask for: token buckets in memory, and the class of addresses a request is counted against.

In: who sends, how much, and a monotonic clock. Out: nothing, or `TooMany` with the seconds to wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from math import ceil

from civicrec.errors import Unavailable
from civicrec.logs import get_logger
from civicrec.web.client import AddressHash, Networks, client_address

_log = get_logger(__name__)

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


class Addresses:
    """Says which class of addresses a request is counted against.

    Parameters
    ----------
    trusted_proxies
        Networks whose ``X-Forwarded-For`` is believed.
    unlimited
        Networks whose requests are not counted.
    setting
        Where proxies are named, for the warning that one is not.
    """

    def __init__(
        self, trusted_proxies: Sequence[str], unlimited: Sequence[str], setting: str, clock: Callable[[], float]
    ) -> None:
        self._trusted = Networks(trusted_proxies)
        self._unlimited = Networks(unlimited)
        self._setting = setting
        self._clock = clock
        self._hash = AddressHash()
        self._warned = False

    def class_of(self, peer: str, headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
        """Return the class of the client's address, ``None`` if it has no limit."""
        address = client_address(peer, headers, self._trusted)
        if address not in self._unlimited:
            return self._hash(address, self._clock())
        if not self._warned and any(name == b"x-forwarded-for" for name, _ in headers):
            self._warned = True
            _log.warning("proxy_not_trusted", remedy=f"name it in {self._setting}, or limits rest")
        return None
