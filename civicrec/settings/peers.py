"""Where a process listens, and where the others call it: two settings, the second following the first.

In: host, port and, where it is called elsewhere than it listens, an URL. Out: the `Endpoint` to call.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, PrivateAttr

from civicrec.home import home_id
from civicrec.process.ports import Endpoint, host_to_call
from civicrec.settings.fields import Group, Host, Port, is_host

#: Scheme → its port where an URL names none.
_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}
_WITH_TLS = frozenset({"https", "rediss"})


class PeerSettings(Group):
    """A process or store that listens somewhere and is called by the others."""

    host: Host = "127.0.0.1"
    """Address to listen on; every address of the machine: ``0.0.0.0`` or ``::``."""
    port: Port
    """Port to listen on."""
    url: str = ""
    """Where the others call it."""
    _home: Path | None = PrivateAttr(default=None)

    def of_home(self, home: Path | None) -> Self:
        """Return the same for the process of that home and no other; None: whoever answers there."""
        copy = self.model_copy()
        copy._home = home
        return copy

    @property
    def endpoint(self) -> Endpoint:
        """Where it is called: `url`, else where it listens, on the loopback if that is everywhere."""
        if not self.url:
            home = home_id(self._home) if self._home else ""
            return Endpoint(host_to_call(self.host), self.port, home=home)
        called = urlsplit(self.url)
        return Endpoint(
            host_to_call(called.hostname or ""), called.port or _PORTS[called.scheme], called.scheme in _WITH_TLS
        )


def _url_of(plain: str, tls: str) -> Callable[[str], str]:
    expected = f"expected an address alone, such as {plain}://host:port or {tls}://host:port"

    def check(url: str) -> str:
        if url and not _is_address_alone(url, (plain, tls)):
            raise ValueError(expected)
        return url

    return check


def _is_address_alone(url: str, schemes: tuple[str, str]) -> bool:
    try:
        parts: SplitResult = urlsplit(url)
        is_port = parts.port != 0
        is_host(parts.hostname or "")
    except ValueError:
        return False
    # What urlsplit drops in silence, a line end for one, is missed here.
    alone = url in (f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://{parts.netloc}/")
    return alone and is_port and parts.scheme in schemes and "@" not in parts.netloc


HttpUrl = Annotated[str, AfterValidator(_url_of("http", "https"))]
RedisUrl = Annotated[str, AfterValidator(_url_of("redis", "rediss"))]
