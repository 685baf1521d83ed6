"""Where a visitor came from, as one word of a closed set; the address itself is not kept."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from civicrec.events import ReferrerType

#: A host belongs to a group if it ends with one of these names.
_GROUPS: tuple[tuple[ReferrerType, tuple[str, ...]], ...] = (
    ("search", (
        "baidu.com", "sogou.com", "so.com", "sm.cn", "bing.com", "google.com", "google.com.hk", "chinaso.com",
        "toutiao.com", "duckduckgo.com", "yandex.com", "yandex.ru", "yahoo.com",
    )),
    ("government", ("gov.cn", "政务")),
    ("social", (
        "weixin.qq.com", "wx.qq.com", "qq.com", "weibo.com", "weibo.cn", "zhihu.com", "douyin.com", "xiaohongshu.com",
        "bilibili.com", "douban.com", "tieba.baidu.com", "facebook.com", "t.co", "x.com", "twitter.com",
    )),
)  # fmt: skip


@lru_cache(maxsize=4096)
def host_of(address: str) -> str:
    """Return the host of an address or of a bare host name, lower case, empty if there is none."""
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""


def referrer_type(referrer: Any, page_host: str) -> ReferrerType:
    """Say what kind of place `referrer` is.

    Parameters
    ----------
    referrer
        What the client sent: an address, a host, empty for none; anything that is no text says nothing.
    page_host
        Host of the page itself, empty if unknown.
    """
    if not isinstance(referrer, str):
        return ""
    host = host_of(referrer)
    if not host:
        return "" if referrer else "direct"
    if host == page_host:
        return "internal"
    # The longest name wins: tieba.baidu.com is social although baidu.com is search.
    found = max(
        ((len(name), group) for group, names in _GROUPS for name in names if host == name or host.endswith(f".{name}")),
        default=(0, "other"),
    )
    return found[1]
