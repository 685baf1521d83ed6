"""What a browser says by itself: that its visitor is not to be tracked, and which page a request comes from.

In: the headers of a request. Out: yes or no.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from civicrec.web.origins import origin_of, parts_of

_SIGNALS = frozenset((b"sec-gpc", b"dnt"))
#: ``1``, after which DNT allows extensions, and how else yes is written; headers sent twice are joined with a comma.
_YES = re.compile(rb"(?:^|,)[\s\"?]*(?:1|true|yes|on)", re.IGNORECASE)


def refuses(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Say whether the browser sends ``Sec-GPC: 1`` or ``DNT: 1``; one that says so among several is enough.

    Parameters
    ----------
    headers
        Names in small letters and values, as they came: a proxy may add its own beside the browser's.

    Examples
    --------
    >>> refuses([(b"dnt", b"0"), (b"sec-gpc", b"1")]), refuses([(b"dnt", b"0")])
    (True, False)
    """
    return any(name in _SIGNALS and _YES.search(value) is not None for name, value in headers)


def is_from(headers: Mapping[str, str], origins: Collection[str]) -> bool:
    """Say whether a request comes from a page of this server or of one of these origins, or from no page at all.

    Browsers name the page's origin with each POST, some older ones only its address. Those that hide the origin
    (``null``) must say that it is this server's.
    """
    origin = origin_of(headers.get("origin", "") or headers.get("referer", ""))
    if origin == "null":
        return headers.get("sec-fetch-site", "") == "same-origin"
    own = origin_of(f"{parts_of(origin).scheme}://{headers.get('host', '')}")
    return origin in ("", own) or origin in origins
