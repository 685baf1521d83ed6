"""Who calls the gateway: a user who knows a password, or the account it runs under itself.

In: one request's headers and words, and the connection's two ends. Out: `GatewayCaller`, or none.
An address proves nothing: every account of the machine, and every proxy, calls from loopback.
"""

from __future__ import annotations

import base64
import hmac
import os
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

from civicrec.security.passwords import ANALYST, READER

_ESTABLISHED = "01"


class GatewayCaller(Enum):
    """What somebody may do."""

    FULL = "full"
    READER = "reader"
    ANALYST = "analyst"


def credentials(headers: Mapping[str, str], words: Mapping[str, str]) -> tuple[str, str]:
    """Return user and password as ClickHouse's interface takes them; the user is ``default`` when none is named.

    `headers` by their titled names.
    """
    if "X-Clickhouse-User" in headers or "X-Clickhouse-Key" in headers:
        return headers.get("X-Clickhouse-User", "default"), headers.get("X-Clickhouse-Key", "")
    kind, _, coded = headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            user, _, password = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
        except ValueError:  # no Base64, no ASCII, or no UTF-8 inside
            return "", "?"  # matches nobody
        return user or "default", password
    return words.get("user") or "default", words.get("password", "")


class GatewayGuard:
    """Knows the users and their passwords."""

    def __init__(self, user: str, password: str, reader_password: str, analyst_password: str) -> None:
        self._known = {
            user: (GatewayCaller.FULL, password),
            READER: (GatewayCaller.READER, reader_password),
            ANALYST: (GatewayCaller.ANALYST, analyst_password),
        }

    def who(self, user: str, password: str, *, is_same_account: bool) -> GatewayCaller | None:
        """Return what the caller may do, None if that is nothing.

        Parameters
        ----------
        is_same_account
            Whether the other end of the connection belongs to this account, which can read the passwords anyway: it
            needs none. A wrong password is wrong for everybody.
        """
        caller, expected = self._known.get(user, (None, ""))
        if not password and is_same_account:
            return caller or GatewayCaller.FULL
        # Compared also for a user who is not known, so that the time tells nothing.
        is_right = hmac.compare_digest(password.encode("utf-8", "surrogatepass"), expected.encode())
        return caller if is_right and expected else None


def is_own_account(peer: tuple[Any, ...], here: tuple[Any, ...]) -> bool:
    """Ask the kernel whether the other end of an established connection on this machine is our own account's.

    Parameters
    ----------
    peer, here
        Addresses of the two ends, as a socket tells them.
    """
    wanted = (_end(peer[0], peer[1]), _end(here[0], here[1]))
    return any(ends == wanted and uid == os.geteuid() for ends, uid in _connections())


def _end(host: str, port: int) -> tuple[IPv4Address | IPv6Address, int]:
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address, port


def _connections() -> Iterator[tuple[tuple[Any, Any], int]]:
    """Yield (own end, far end), owner of each established socket that a process still holds."""
    for name in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/self/net", name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            # A socket whose process has let go of it has no inode and belongs to nobody, said as account 0.
            if fields[3] == _ESTABLISHED and fields[9] != "0":
                yield (_hexadecimal(fields[1]), _hexadecimal(fields[2])), int(fields[7])


def _hexadecimal(end: str) -> tuple[IPv4Address | IPv6Address, int]:
    host, _, port = end.partition(":")
    # The kernel prints each group of four bytes as a number in the machine's own order.
    groups = (bytes.fromhex(host[at : at + 8]) for at in range(0, len(host), 8))
    packed = b"".join(group[::-1] if sys.byteorder == "little" else group for group in groups)
    return _end(str(ip_address(packed)), int(port, 16))
