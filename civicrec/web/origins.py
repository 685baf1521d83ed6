"""Addresses that came from outside, and their origins and hosts as browsers write them, however people do.

In: an address, an origin or a host. Out: its parts; its host or origin in lower case, names of other scripts in
punycode, without the port that goes without saying. What is no address has no parts, and is no fault of ours.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,30}://")
#: Longer is no host; what is kept of addresses has to be small.
_MAX_ADDRESS = 1024
#: Longest name, and longest part of one (RFC 1035); what is longer takes quadratic time to be written in punycode.
_MAX_HOST, _MAX_LABEL = 253, 63
_NO_PARTS = SplitResult("", "", "", "", "")


def parts_of(address: str) -> SplitResult:
    """Return the parts of an address; none of what cannot be one, such as an open bracket.

    Examples
    --------
    >>> parts_of("/portal/?x=1").path, parts_of("//[").path
    ('/portal/', '')
    """
    try:
        return urlsplit(address)
    except ValueError:
        return _NO_PARTS


def host_of(address: str) -> str:
    """Return the host of an address or of a bare host name, empty if there is none.

    Examples
    --------
    >>> host_of("http://www.云澜市.政务/a"), host_of("WWW.GZ.gov.cn:8080")
    ('www.xn--9kq598ahjn.xn--zfr164b', 'www.gz.gov.cn')
    """
    return _host_of(address[:_MAX_ADDRESS])


@lru_cache(maxsize=4096)
def _host_of(address: str) -> str:
    try:
        return _in_ascii(parts_of(address if "//" in address else f"//{address}").hostname or "")
    except UnicodeError:
        return ""


def _in_ascii(host: str) -> str:
    """Write a name of any script in punycode; `UnicodeError` if it is none."""
    if host.isascii():
        return host
    if len(host) > _MAX_HOST or any(len(label) > _MAX_LABEL for label in host.split(".")):
        raise UnicodeError("longer than a name may be")
    return host.encode("idna").decode()


def origin_of(text: str) -> str:
    """Write an origin as browsers do.

    Examples
    --------
    >>> origin_of(" https://WWW.example.gov.cn:443/ ")
    'https://www.example.gov.cn'
    >>> origin_of("http://云澜市.政务:8080")
    'http://xn--9kq598ahjn.xn--zfr164b:8080'
    >>> origin_of("null")
    'null'
    """
    origin = text[:_MAX_ADDRESS].strip().lower().rstrip("/")
    scheme = _SCHEME.match(origin)
    if not scheme:
        return origin
    name = scheme[0][:-3]
    place = re.split(r"[/?#]", origin[scheme.end() :], maxsplit=1)[0]
    place = place.removesuffix(_DEFAULT_PORTS.get(name, "/"))
    if not place.isascii():
        host, colon, port = place.partition(":")
        try:
            place = _in_ascii(host) + colon + port
        except UnicodeError:
            return origin
    return f"{scheme[0]}{place}"
