"""Who is at the other end of a connection, as far as limits need to know.

In: the connection's address and the request's headers. Out: an address class, a keyed hash of an address or of its
IPv6 network. The address itself goes no further than this file.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from ipaddress import ip_network

#: A household or an office has a /64 to itself and may change its address within it as it likes.
_IPV6_CLASS_BYTES = 8
_IPV4_MAPPED = bytes(10) + b"\xff\xff"
#: The key is thrown away this often; no hash can be matched with one of the hour before.
KEY_LIFE_S = 3_600.0


class Networks:
    """Tells whether an address is in one of some networks, such as ``10.0.0.0/8`` or ``::1``."""

    def __init__(self, networks: Iterable[str]) -> None:
        parsed = [ip_network(network) for network in networks]
        self._known = [(net.max_prefixlen // 8, int(net.netmask), int(net.network_address)) for net in parsed]

    def __contains__(self, address: bytes) -> bool:
        number, length = int.from_bytes(address), len(address)
        return any(size == length and number & mask == net for size, mask, net in self._known)


class AddressHash:
    """Turns addresses into classes with a random key that lives for `KEY_LIFE_S`."""

    def __init__(self) -> None:
        self._key = b""
        self._until_s = float("-inf")

    def __call__(self, address: bytes, now_s: float) -> bytes:
        """Return 8 bytes that are the same for addresses of one class while the key lives."""
        if now_s >= self._until_s:
            self._key, self._until_s = secrets.token_bytes(32), now_s + KEY_LIFE_S
        of_class = address if len(address) == 4 else address[:_IPV6_CLASS_BYTES]
        return hashlib.blake2b(of_class, digest_size=8, key=self._key).digest()


def packed(address: str) -> bytes:
    """Return an address as 4 or 16 bytes, IPv4 inside IPv6 as 4; empty if it is none.

    Examples
    --------
    >>> packed("::ffff:10.0.0.1") == packed("10.0.0.1")
    True
    """
    with suppress(OSError, ValueError):
        return socket.inet_pton(socket.AF_INET, address)
    with suppress(OSError, ValueError):
        mapped = socket.inet_pton(socket.AF_INET6, address)
        return mapped[12:] if mapped.startswith(_IPV4_MAPPED) else mapped
    return b""


def client_address(peer: str, headers: Sequence[tuple[bytes, bytes]], trusted: Networks) -> bytes:
    """Return the client's address: the connection's, or what trusted proxies say in ``X-Forwarded-For``.

    The header is read from its end, because each proxy adds the address it saw there and anything before that is what
    the client made up. The first address that is no trusted proxy's is the client's.
    """
    address = packed(peer)
    if address not in trusted:
        return address
    hops = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    for hop in reversed(hops.decode("latin-1").split(",")):
        seen_by_proxy = packed(_without_port(hop.strip()))
        if not seen_by_proxy:
            break
        address = seen_by_proxy
        if address not in trusted:
            break
    return address


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
