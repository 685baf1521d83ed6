"""Who may open the console: for now, people at the machine itself. Roles come later.

In: the facts of a request. Out: yes or no. A request through a proxy is refused, because the proxy's address is not
the reader's; a foreign ``Host`` is refused, because a page elsewhere may point its own name at this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip")


def is_local(client_host: str, headers: Mapping[str, str]) -> bool:
    """Say whether the request was made on this machine, straight to this process."""
    try:
        at_home = ip_address(client_host).is_loopback
    except ValueError:
        at_home = False
    host = headers.get("host", "").lower()
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    return at_home and name in _NAMES and not any(header in headers for header in _PROXY_HEADERS)
