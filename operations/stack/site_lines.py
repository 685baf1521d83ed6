"""What a portal puts into its pages, and the checks of what names it. Pure.

In: a site id, origins and the public addresses. Out: HTML and a content security policy, as docs/add-to-your-portal.md
has them.
"""

from __future__ import annotations

import re
from html import escape

from civicrec.errors import InvalidInput
from civicrec.settings import Settings
from civicrec.web.origins import host_of, origin_of

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ORIGIN = re.compile(r"https?://[^/?#@\s]+", re.IGNORECASE)


def checked_id(site: str) -> str:
    """Return a site id as it is.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    if not _ID.fullmatch(site):
        raise InvalidInput(f"got site {site[:70]!r}; expected 1 to 64 of a-z A-Z 0-9 . _ -")
    return site


def checked_origin(text: str) -> str:
    """Return an origin as browsers write it.

    Raises
    ------
    InvalidInput
        If it is none: an origin is a scheme, a host and maybe a port.
    """
    origin = origin_of(text)
    if not _ORIGIN.fullmatch(text.strip().rstrip("/")) or not host_of(origin):
        raise InvalidInput(
            f"got origin {text[:100]!r}; expected scheme and host alone, such as https://www.example.gov.cn"
        )
    return origin


def public_addresses(settings: Settings, collect_url: str, lists_url: str) -> tuple[str, str]:
    """Return the addresses of collector and lists as browsers reach them; of this machine where none is given."""
    collect, lists = collect_url or settings.collector.endpoint.url, lists_url or settings.serving.endpoint.url
    return collect.rstrip("/"), lists.rstrip("/")


def lines_of(site: str, collect_url: str, lists_url: str, link: str) -> str:
    """Return the three lines of HTML, the banner and the policy for a portal's pages."""
    hosts = collect_url if collect_url == lists_url else f"{collect_url} {lists_url}"
    named = escape(link)
    return f"""\
<script src="{escape(collect_url)}/c.js" data-site="{site}" data-consent="wait" defer></script>
<script src="{escape(lists_url)}/w.js" data-link="{named}" defer></script>
<civicrec-list scene="home" n="6"></civicrec-list>

<civicrec-consent><p>经您同意，本站会记录您在本站的浏览情况，用于统计或为您推荐政策和服务。不同意也可以使用全部内容。</p></civicrec-consent>

Content-Security-Policy: script-src {hosts}; connect-src {hosts}"""
