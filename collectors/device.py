"""What a user agent says, as a coarse class; the text itself is never kept.

In: the User-Agent header. Out: a `Device` and, for a declared robot, which.
"""

from __future__ import annotations

import re
from functools import lru_cache

from civicrec.events import Device

#: Crawlers and monitors that say so. Programs (curl, HTTP libraries) are not here: portal backends send with them.
_BOT = re.compile(
    r"(?P<name>baiduspider|googlebot|bingbot|sogou[\w ]*spider|360spider|yisouspider|bytespider|petalbot|yandexbot|"
    r"duckduckbot|applebot|ahrefsbot|semrushbot|mj12bot|dotbot|facebookexternalhit|slurp|uptimerobot|pingdom|"
    r"gptbot|claudebot|ccbot)"
    r"|(?P<word>\b\w*(?:spider|crawler|scraper|bot)\b(?=[/;)]|$))",
    re.IGNORECASE,
)
_TABLET = re.compile(r"ipad|tablet|playbook|kindle|silk(?!.*mobile)|android(?!.*mobile)", re.IGNORECASE)
_MOBILE = re.compile(r"mobi|iphone|ipod|android|harmonyos.*phone|windows phone|micromessenger", re.IGNORECASE)


@lru_cache(maxsize=4096)
def read_user_agent(user_agent: str) -> tuple[Device, str]:
    """Return (device, bot reason); the reason is empty for anyone who does not say they are a robot.

    Examples
    --------
    >>> read_user_agent("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)")
    ('bot', 'user_agent:baiduspider')
    """
    if not user_agent:
        return "", ""
    bot = _BOT.search(user_agent)
    if bot:
        return "bot", f"user_agent:{re.sub(r'[^a-z0-9]+', '_', bot[0].lower())}"[:64]
    if _TABLET.search(user_agent):
        return "tablet", ""
    return ("mobile", "") if _MOBILE.search(user_agent) else ("desktop", "")
