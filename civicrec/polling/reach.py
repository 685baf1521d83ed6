"""Which addresses a feed may make us ask: the internet over TLS, and nothing inside that nobody named.

In: an address of a feed, a page or a redirect, and what its name stands for at the moment of connecting. Out: nothing,
or the reason why it is not asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from httpx import URL, InvalidURL

from civicrec.errors import InvalidInput
from civicrec.toml_files import one_line

IP = IPv4Address | IPv6Address
_MAX_PORT = 65_535
_NAMED_LOOPBACK = "localhost"
#: Addresses of IPv4 that are written into ones of IPv6 by translators (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
#: All of IPv6 that is given to hosts of the Internet; the rest is of sites, links, groups, or nobody's yet (RFC 4291).
_UNICAST_6 = IPv6Network("2000::/3")


class NotAsked(InvalidInput):
    """An address that is not asked."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What one feed may reach.

    Attributes
    ----------
    networks
        Private networks that the settings name.
    is_local
        Whether the operator wrote an address of this machine into the feed's own file.
    setting
        Where networks are named, for messages.
    """

    networks: tuple[str, ...] = ()
    is_local: bool = False
    setting: str = "CIVICREC_POLLING__NETWORKS"

    def checked(self, address: str) -> URL:
        """Return an address that may be asked, as far as its words tell.

        Raises
        ------
        NotAsked
            If it is not of https, or of http and this machine, or holds a password.
        """
        shown = one_line(address.rpartition("@")[2])  # what stands before may be a password
        try:
            url = URL(address)
        except (InvalidURL, ValueError, TypeError) as error:
            raise NotAsked(f"{shown!r} is no address ({one_line(error)}); expected one of https") from None
        if not url.host or url.userinfo or (url.port or 1) > _MAX_PORT:
            raise NotAsked(f"{shown!r}: expected an address with a host and a port, and without user or password")
        if url.scheme != "https" and not (url.scheme == "http" and self.is_local and is_loopback(url.host)):
            raise NotAsked(f"{shown!r}: expected an address of https, or one of http that is this machine's own feed")
        return url

    def refusal(self, host: str, ip: IP) -> str:
        """Say why the address that a host's name stands for is not asked, empty if it is."""
        inner = _inner(ip)
        if is_loopback(host) != inner.is_loopback and is_loopback(host):
            return f"{host} stands for {ip}, which is not this machine"
        if any(inner in network for network in map(ip_network, self.networks)):
            return ""
        if inner.is_loopback:
            return "" if self.is_local and is_loopback(host) else f"{host} stands for {ip}, which is this machine"
        is_outer = inner.is_global and not inner.is_multicast and not inner.is_reserved
        if not is_outer or (inner.version == 6 and inner not in _UNICAST_6):
            return f"{host} stands for {ip}, a private address; name its network in {self.setting}"
        return ""


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its very words: 127.0.0.1, ::1, localhost."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == _NAMED_LOOPBACK


def is_local(address: str) -> bool:
    """Tell whether an address is one of this machine by its very words."""
    try:
        return is_loopback(URL(address).host)
    except (InvalidURL, ValueError, TypeError):
        return False


def allowed_of(reach: Reach, host: str, ips: Iterable[IP]) -> list[IP]:
    """Return those of a host's addresses that may be asked.

    Raises
    ------
    NotAsked
        If there is none; the message tells why of the first.
    """
    ips = list(ips)
    allowed = [ip for ip in ips if not reach.refusal(host, ip)]
    if not allowed:
        raise NotAsked(reach.refusal(host, ips[0]) if ips else f"{host} stands for no address")
    return allowed


def _inner(ip: IP) -> IP:
    """Return the address of IPv4 that one of IPv6 leads to, where it does."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)
