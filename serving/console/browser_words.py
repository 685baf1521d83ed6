"""What a browser says of itself, in the words its owner knows it by. It is no proof of anything."""

from __future__ import annotations

#: Sign in the user agent → name; the first that is there counts, as most name themselves after others too.
_BROWSERS = {
    "MicroMessenger/": "微信", "Edg": "Edge", "OPR/": "Opera", "QQBrowser/": "QQ 浏览器", "UBrowser/": "UC 浏览器",
    "Firefox/": "Firefox", "HeadlessChrome/": "Chrome", "Chrome/": "Chrome", "Safari/": "Safari", "curl/": "curl",
}  # fmt: skip
_SYSTEMS = {
    "HarmonyOS": "鸿蒙", "OpenHarmony": "鸿蒙", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad",
    "Windows": "Windows", "Mac OS X": "macOS", "UOS": "统信 UOS", "Kylin": "麒麟", "Linux": "Linux",
}  # fmt: skip


def browser_words(user_agent: str) -> str:
    """Return browser and system, or what was said where neither is known.

    Examples
    --------
    >>> browser_words("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/146.0 Safari/537.36 Edg/146")
    'Edge（Windows）'
    >>> browser_words("civic-report/1.0"), browser_words("")
    ('civic-report/1.0', '未知浏览器')
    """
    browser = next((name for sign, name in _BROWSERS.items() if sign in user_agent), "")
    system = next((name for sign, name in _SYSTEMS.items() if sign in user_agent), "")
    if not browser:
        return user_agent[:60] or "未知浏览器"
    return f"{browser}（{system}）" if system else browser
