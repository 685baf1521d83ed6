"""Addresses of pages and files as people read them, without what belongs to one visitor.

In: an address or a path, in percent code or not. Out: one way to write it: decoded once, without query, fragment,
session keys; the route of a page that lives in its fragment (``#/…``) is part of its path.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from urllib.parse import unquote_to_bytes

from civicrec.text import printable

_HOST = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_ROUTE = re.compile(r"!?(/[^?#]*)")
#: Names of fields that say nothing but which visit it is.
_SESSION = (
    r"jsessionid|phpsessid|asp\.?net_sessionid|aspsessionid\w{0,16}|session_?id|cfid|cftoken"
    r"|(?:access_?|refresh_?|csrf_?)token"
)
#: ``;jsessionid=…`` and any other ``;name=value``, ASP.NET's ``/(S(…))``, and keys that are named as such in a segment.
_KEYS = re.compile(
    r";[^/;=]{1,64}=[^/;]*"
    r"|/\((?:(?:[A-Z]{1,2}\([^/()]*\))+|[0-9a-z]{24})\)(?=/|\Z)"
    rf"|(?:[/;,&!|:$；]|%3B)(?:{_SESSION}|sid|token|ticket|secret|passw(?:or)?d|pwd|signature)(?:[=,:$＝]|%3D)[^/]*"
    rf"|/(?:{_SESSION})/[0-9A-Za-z_.!-]{{8,128}}(?=/|\Z)",
    re.IGNORECASE,
)
#: The same in an id, where other fields may be what tells one item from the next.
_KEYS_OF_IDS = re.compile(rf"(?:[/;,&!?]|%3B|%26|%3F)(?:{_SESSION})(?:[=,]|%3D)[^/;&?#]*", re.IGNORECASE)
#: What a cut through a percent code leaves at the end.
_STUMP = re.compile(r"(?<=%[0-9A-Fa-f]{2})%[0-9A-Fa-f]?\Z")
_BLANKS = re.compile(r"\s+")
#: Portals of before UTF-8 write their paths in it.
_OLD = "gb18030"


def path_of(address: str) -> str:
    """Return the path of an address, or of what is a path already.

    Examples
    --------
    >>> path_of("https://www.example.gov.cn/%E6%94%BF%E7%AD%96/a.jsp;jsessionid=6F1C?x=1")
    '/政策/a.jsp'
    >>> path_of("/app#/user/7")
    '/app/user/7'
    """
    host = _HOST.match(address)
    return clean_path(address[host.end() :] if host else address) or "/"


def without_session(item_id: str) -> str:
    """Return an id without the key of a session, which comes with it where items are named by their address.

    Examples
    --------
    >>> without_session("/a/b.jsp;jsessionid=6F1C"), without_session("show.do?sid=7&phpsessid=8")
    ('/a/b.jsp', 'show.do?sid=7')
    """
    return _KEYS_OF_IDS.sub("", item_id)


def clean_path(path: str) -> str:
    """Return a path decoded and without keys."""
    path, _, fragment = path.partition("#")
    path = path.partition("?")[0]
    if route := _ROUTE.match(fragment):
        path += route[1]
    if "%" in path:  # a query or a fragment that was coded with the path goes, too
        path = _decoded(path).partition("?")[0].partition("#")[0]
    return _BLANKS.sub(" ", printable(_KEYS.sub("", path)))


def _decoded(path: str) -> str:
    """Undo percent code once; as it is where that gives no text. A last character that was cut off is left out."""
    raw = unquote_to_bytes(_STUMP.sub("", path))
    for encoding in ("utf-8", _OLD) if path.isascii() else ("utf-8",):
        try:
            return getincrementaldecoder(encoding)().decode(raw)
        except UnicodeDecodeError:
            continue
    return path
