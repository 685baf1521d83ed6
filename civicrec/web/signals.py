"""What a browser says by itself: that its visitor is not to be tracked, and which page a request comes from.

In: the headers of a request. Out: yes or no.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from civicrec.web.origins import origin_of


def refuses(headers: Mapping[str, str]) -> bool:
    """Say whether the browser sends ``Sec-GPC: 1`` or ``DNT: 1``."""
    return headers.get("sec-gpc", "").strip() == "1" or headers.get("dnt", "").strip() == "1"


def is_from(headers: Mapping[str, str], origins: Collection[str]) -> bool:
    """Say whether a request comes from a page of this server or of one of these origins, or from no page at all.

    Browsers name the page's origin with each POST. Those that hide it (``null``) must say that it is this server's.
    """
    origin = origin_of(headers.get("origin", ""))
    if origin == "null":
        return headers.get("sec-fetch-site", "") == "same-origin"
    own = origin_of(f"{urlsplit(origin).scheme}://{headers.get('host', '')}")
    return origin in ("", own) or origin in origins
