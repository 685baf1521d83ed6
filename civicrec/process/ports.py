"""Whether a server can listen where the settings say."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from civicrec.errors import ConfigError

#: Every address of the machine, as a server is told; who calls it takes the nearest.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound


def address_of(host: str, port: int) -> str:
    """Return ``host:port`` to call a server at that listens there.

    Examples
    --------
    >>> address_of("::1", 8701), address_of("0.0.0.0", 8701)
    ('[::1]:8701', '127.0.0.1:8701')
    """
    host = _EVERYWHERE.get(host, host)
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
