"""What a user agent says, as a coarse class; the text itself is never kept.

In: the User-Agent header. Out: a `Device` and, for a declared robot, which.
"""

from __future__ import annotations

import re
from functools import lru_cache

from civicrec.events import Device
from collectors.robots.declared import declared_bot

_TABLETS = re.compile(r"ipad|tablet|playbook|kindle")
_MOBILE = re.compile(r"mobi|iphone|ipod|android|harmonyos[^;)]{0,40}phone|windows phone|micromessenger")


#: Real ones are under 400 characters; a longer text only costs time to search.
_MAX_LENGTH = 512


def read_user_agent(user_agent: str) -> tuple[Device, str]:
    """Return (device, bot reason); the reason is empty for anyone who does not say they are a robot.

    Examples
    --------
    >>> read_user_agent("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)")
    ('bot', 'user_agent:baiduspider')
    """
    return _read(user_agent[:_MAX_LENGTH])


@lru_cache(maxsize=4096)
def _read(user_agent: str) -> tuple[Device, str]:
    if not user_agent:
        return "", ""
    bot = declared_bot(user_agent)
    if bot:
        return "bot", bot
    agent = user_agent.lower()
    # An Android that does not say mobile behind its name is a tablet.
    if _TABLETS.search(agent) or max(agent.rfind("android"), agent.rfind("silk")) > agent.rfind("mobile"):
        return "tablet", ""
    return ("mobile", "") if _MOBILE.search(agent) else ("desktop", "")
