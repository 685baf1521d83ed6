"""What several groups are built from: the kinds of value a setting may have, each with its check, and the group itself.

In: a value of the environment. Out: the same value, or a `ValueError` that says what was expected.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from civicrec.security.secrets import MIN_CHARACTERS

_MAX_PORT = 65_535
_HOST = re.compile(r"[^\s/?#@\[\]\x00-\x1f\x7f]{1,253}")

#: What the sample file once wrote in place of keys: everybody knows them.
_PLACEHOLDERS = frozenset({"at least 16 signs", "at least 16 characters"})


class Group(BaseModel):
    """Settings that belong together; their docstrings are their descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def is_host(host: str) -> str:
    """Return a host as it is, or raise `ValueError`."""
    if not _HOST.fullmatch(host):
        raise ValueError("expected a name or an address alone, one of IPv6 without brackets")
    return host


def _is_address(address: str) -> str:
    """Return ``host:port`` as it is, or raise `ValueError`: what stands before an ``@`` may be a password."""
    host, _, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    is_port = port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _MAX_PORT
    if not is_port or (":" in bare) != (bare != host) or not _HOST.fullmatch(bare):
        raise ValueError("expected host:port, an address of IPv6 in brackets, and no user or password")
    return address


def _are_addresses(addresses: str) -> str:
    for address in addresses.split(",") if addresses else ():
        _is_address(address.strip())
    return addresses


def _are_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            got = "" if "@" in network else f", got {network!r}"  # what stands before an `@` may be a password
            raise ValueError(f"expected networks such as 10.0.0.0/8{got}") from None
    return networks


def _is_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if len(text) < MIN_CHARACTERS:
        raise ValueError(f"expected a secret of at least {MIN_CHARACTERS} characters")
    if text in _PLACEHOLDERS:
        raise ValueError("expected a secret of your own, not the words of the sample file")
    return value


def _is_secret_or_empty(value: SecretStr) -> SecretStr:
    return _is_secret(value) if value.get_secret_value() else value


Port = Annotated[int, Field(ge=1, le=_MAX_PORT)]
Host = Annotated[str, AfterValidator(is_host)]
Address = Annotated[str, AfterValidator(_is_address)]
Addresses = Annotated[str, AfterValidator(_are_addresses)]
NetworkList = Annotated[tuple[str, ...], AfterValidator(_are_networks)]
Key = Annotated[SecretStr, AfterValidator(_is_secret)]
KeyOrEmpty = Annotated[SecretStr, AfterValidator(_is_secret_or_empty)]
