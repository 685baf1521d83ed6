"""What can be reached from other machines, and what goes over the network in clear.

In: settings, and the addresses on which this machine listens. Out: `Opening`s.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

import psutil

from civicrec.process.ports import is_everywhere
from civicrec.settings import PeerSettings, Settings
from civicrec.web.origins import host_of
from operations.stack.endpoints import peers
from operations.stack.security.openings import Opening

CHECK_REACH, CHECK_CLEAR, CHECK_ORIGINS, CHECK_PROXIES = "reach", "clear text", "origins", "trusted proxies"
#: Shorter prefixes of a network whose word on addresses is believed hold more than one's own proxies.
_WIDEST = {4: 8, 6: 32}


def is_local(host: str) -> bool:
    """Tell whether a host is this machine alone.

    Examples
    --------
    >>> [is_local(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.1.2.3", "redis")]
    [True, True, True, False, False, False]
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower().rstrip(".") in ("localhost", "localhost.localdomain")
    return address.is_loopback


def listening() -> dict[int, frozenset[str]]:
    """Return port → addresses, of all sockets that listen on this machine now."""
    found: dict[int, frozenset[str]] = {}
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN:
            found[one.laddr.port] = found.get(one.laddr.port, frozenset()) | {one.laddr.ip}
    return found


def beyond_this_machine(settings: Settings, heard: Mapping[int, frozenset[str]]) -> list[Opening]:
    """Judge where the processes listen: as they do now, or as they would by their settings.

    Parameters
    ----------
    heard
        As `listening` tells.
    """
    openings = []
    for name, peer in peers(settings).items():
        is_store = name in ("valkey", "warehouse")
        here = heard.get(peer.port, frozenset())
        # A store is named by the same setting when it runs elsewhere; then its host says nothing of this machine.
        hosts = here or (frozenset({peer.host}) if is_everywhere(peer.host) or not is_store else frozenset())
        wide = sorted(host for host in hosts if not is_local(host))
        if wide and not (is_store and (peer.url or peer.endpoint.tls)):
            openings.append(_reached(name, f"{', '.join(wide)} port {peer.port}", settings))
    return openings


def _reached(name: str, where: str, settings: Settings) -> Opening:
    variable = {"valkey": "REDIS", "warehouse": "WAREHOUSE", "collect": "COLLECTOR", "serve": "SERVING"}[name]
    host = f"set CIVICREC_{variable}__HOST=127.0.0.1"
    if name in ("valkey", "warehouse"):
        return Opening(
            CHECK_REACH, "hole", f"{name} listens on {where}: other machines reach it, its password in clear", host
        )
    behind = f"{host} and put the proxy before it, or let the firewall pass the proxy alone"
    if name == "serve":
        # With an address for the others, it is meant to be called from elsewhere: containers, several machines.
        grade = "hole" if not settings.serving.url else "advice"
        what = f"serve listens on {where}: the console (its password in clear), the preview and /metrics are reached"
        return Opening(CHECK_REACH, grade, what, behind)  # type: ignore[arg-type]
    if not settings.sites:
        what = f"collect listens on {where} and no site is configured: anybody can send events of any site"
        return Opening(CHECK_REACH, "hole", what, f"`civicrec site add`; {behind}")
    return Opening(
        CHECK_REACH, "advice", f"collect listens on {where}: /metrics and /v1/accounting are reached", behind
    )


def in_clear(settings: Settings) -> list[Opening]:
    """Judge calls to other machines without TLS: a hole where TLS is set up for others of them, else advice."""
    plain, encrypted = {}, False
    groups: dict[str, PeerSettings] = {
        "COLLECTOR": settings.collector, "SERVING": settings.serving, "WAREHOUSE": settings.warehouse,
        "REDIS": settings.redis,
    }  # fmt: skip
    for name, peer in groups.items():
        called = peer.endpoint
        if not is_local(called.host):
            encrypted |= called.tls
            if not called.tls:
                plain[f"CIVICREC_{name}__URL"] = called.address
    far = [one.strip() for one in settings.kafka.bootstrap.split(",")]
    far = [one for one in far if one and not is_local(one.rpartition(":")[0].strip("[]"))]
    if far:
        if "SSL" in settings.kafka.security_protocol.split("_"):
            encrypted = True
        else:
            plain["CIVICREC_KAFKA__SECURITY_PROTOCOL"] = far[0]
    files = (settings.warehouse.ca_file, settings.redis.ca_file, settings.kafka.ca_file)
    encrypted |= any(file is not None for file in files)
    return [
        Opening(
            CHECK_CLEAR, "hole" if encrypted else "advice",
            f"{address} is another machine and is called without TLS" + (", others with it" if encrypted else ""),
            f"{name}: docs/operations.md, TLS to stores of your own",
        )
        for name, address in plain.items()
    ]  # fmt: skip


def wide_origins(settings: Settings) -> list[Opening]:
    """Judge from whose pages the collector takes events."""
    if not settings.sites:
        far = sorted(origin for origin in settings.collector.origins if not is_local(host_of(origin)))
        what = f"no site is configured, and pages of {', '.join(far)} may send events of any site"
        return [Opening(CHECK_ORIGINS, "hole", what, "`civicrec site add` for each portal")] if far else []
    openings = []
    for name, site in settings.sites.items():
        for origin in site.origins:
            if origin.strip() in ("null", "*"):
                what = f"site {name} takes events of the origin {origin!r}: any page can send them from a frame"
                openings.append(Opening(CHECK_ORIGINS, "hole", what, "name the origins of its pages"))
            elif origin.strip().startswith("http://") and not is_local(host_of(origin)):
                what = f"pages of {origin} (site {name}) are not encrypted: their visitors' events can be read and made"
                openings.append(Opening(CHECK_ORIGINS, "advice", what, "serve the portal over https alone"))
    return openings


def wide_proxies(settings: Settings) -> list[Opening]:
    """Judge networks whose word on a visitor's address is believed, or which have no limit."""
    openings = []
    for group, where in (("COLLECTOR", settings.collector), ("SERVING", settings.serving)):
        for names, what in (
            (("TRUSTED_PROXIES", where.trusted_proxies), "can say that a request comes from anywhere"),
            (("LIMITS__UNLIMITED_NETWORKS", where.limits.unlimited_networks), "has no limit"),
        ):
            for network in names[1]:
                net = ip_network(network)
                if net.prefixlen < _WIDEST[net.version]:
                    found = f"CIVICREC_{group}__{names[0]} has {network}: whoever is in it {what}"
                    openings.append(Opening(CHECK_PROXIES, "hole", found, "name the portal's own proxies and servers"))
    return openings
