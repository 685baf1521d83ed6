"""Where a server can listen, and where it is called then."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from civicrec.errors import ConfigError
from civicrec.process.whose import HOME_HEADER


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is called, from here.

    Attributes
    ----------
    tls
        Whether it speaks TLS there.
    home
        Of whom it is to be, by `civicrec.home.home_id`; empty where it is whoever answers there.
    """

    host: str
    port: int
    tls: bool = False
    home: str = field(default="", compare=False)

    @property
    def address(self) -> str:
        """``host:port``, an address of IPv6 in brackets."""
        return address_of(self.host, self.port)

    @property
    def url(self) -> str:
        """The same for a server of HTTP, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://{self.address}"

    @property
    def headers(self) -> dict[str, str]:
        """What each request over HTTP says, so that the process of another home refuses it."""
        return {HOME_HEADER: self.home} if self.home else {}


def is_everywhere(host: str) -> bool:
    """Tell whether a server that listens there listens on every address of its machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def host_to_call(host: str) -> str:
    """Return the host to call for a server on this machine that listens on `host`: the loopback if it is all of them.

    Examples
    --------
    >>> host_to_call("0.0.0.0"), host_to_call("::"), host_to_call("10.1.2.3")
    ('127.0.0.1', '::1', '10.1.2.3')
    """
    if not is_everywhere(host):
        return host
    return "::1" if ":" in host else "127.0.0.1"


def address_of(host: str, port: int) -> str:
    """Return ``host:port`` to call a server at that listens there.

    Examples
    --------
    >>> address_of("::1", 8701), address_of("0.0.0.0", 8701)
    ('[::1]:8701', '127.0.0.1:8701')
    """
    host = host_to_call(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_ports(wanted: Mapping[str, tuple[str, int]]) -> None:
    """Bind each address once.

    Parameters
    ----------
    wanted
        Settings group → (host, port).

    Raises
    ------
    ConfigError
        If one is taken, or two are the same.
    """
    seen: dict[tuple[str, int], str] = {}
    for group, address in wanted.items():
        variable = f"CIVICREC_{group.upper()}__PORT"
        if address in seen:
            raise ConfigError(
                f"{variable} and CIVICREC_{seen[address].upper()}__PORT are both {address[1]}; change one"
            )
        seen[address] = group
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family) as probe:
            # As servers do: an address whose last connections are still winding down counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise ConfigError(
                    f"{group} cannot listen on {address[0]}:{address[1]}: {error.strerror}; "
                    f"stop what uses the port or set {variable}"
                ) from error
