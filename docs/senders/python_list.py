"""A list for a page that a Python program makes. Copy; standard library only.

>>> from python_list import recommended
>>> html = recommended("https://lists.example.gov.cn", scene="home", n=6, link="/items/{id}")
"""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request


def recommended(server: str, *, token: str = "", timeout_s: float = 0.3, **asked: str | int) -> str:
    """Return a list as HTML, empty where there is none in time: the page then shows what it has itself.

    Parameters
    ----------
    server
        Address of the list server.
    token
        Subject token of a visitor who is logged in and agreed.
    asked
        ``scene``, ``n``, ``link``, ``site``, ``anonymous_id`` and the other parameters of ``/v1/recommendations.html``.
    """
    request = urllib.request.Request(f"{server}/v1/recommendations.html?{urllib.parse.urlencode(asked)}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    # No proxy of the environment: what visitors read is nobody else's.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            text = answer.read().decode()
            # Login pages and firewalls answer 200, too.
            return text if answer.status == 200 and text.startswith('<ol class="civicrec-list">') else ""
    except (OSError, ValueError):
        return ""
