"""Where a visitor came from, as one word of a closed set; the address itself is not kept."""

from __future__ import annotations

from typing import Any

from civicrec.events import ReferrerType
from civicrec.web.origins import host_of

_APP = "android-app://"
#: A host belongs to a group if it ends with one of these names. Names of other scripts are in punycode: ``.政务`` and
#: ``.公益``. An Android app is named by its package, which is read as a host is, from its end: com.tencent.mm.
_GROUPS: tuple[tuple[ReferrerType, tuple[str, ...]], ...] = (
    ("search", (
        "baidu.com", "sogou.com", "so.com", "sm.cn", "bing.com", "google.com", "google.com.hk", "chinaso.com",
        "toutiao.com", "duckduckgo.com", "yandex.com", "yandex.ru", "yandex.com.tr", "yahoo.com", "quark.cn",
    )),
    ("government", ("gov.cn", "gov.hk", "gov.mo", "xn--zfr164b", "xn--55qw42g")),
    ("social", (
        "weixin.qq.com", "wx.qq.com", "qq.com", "servicewechat.com", "tencent.com", "sina.com", "xingin.com",
        "aweme.ugc.android.ss.com", "weibo.com", "weibo.cn", "zhihu.com", "douyin.com", "xiaohongshu.com",
        "bilibili.com", "douban.com", "tieba.baidu.com", "facebook.com", "t.co", "x.com", "twitter.com",
    )),
)  # fmt: skip
_GROUP_OF: dict[str, ReferrerType] = {name: group for group, names in _GROUPS for name in names}


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
    if referrer[: len(_APP)].lower() == _APP:
        host = ".".join(reversed(host.split(".")))
    if not host:
        return "" if referrer else "direct"
    if host == page_host:
        return "internal"
    name = host
    while (
        name not in _GROUP_OF and name
    ):  # the longest name wins: tieba.baidu.com is social although baidu.com is search
        name = name.partition(".")[2]
    return _GROUP_OF.get(name, "other")
