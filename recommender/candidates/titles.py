"""Titles short enough for a reason: what names the matter stays, what names the office goes."""

from __future__ import annotations

import re
from functools import lru_cache

#: A longer title is shortened in a reason's text; the evidence names the item.
MAX_TITLE = 24
#: 关于印发《…办法》的通知: the notice hands out what readers look for.
_HANDED_OUT = re.compile(r"关于(?:印发|发布|公布|转发)《(.+)》的(?:通知|公告|通告)")
#: An office before 关于 says who wrote; beginnings such as 一图读懂 do not.
_OFFICE = re.compile(r"^.{2,}?(?:局|委|委员会|厅|部|院|政府|办公室|中心|银行)(?=关于)")


@lru_cache(maxsize=8_192)
def short_title(title: str) -> str:
    """Return a title to stand in 《》: at most `MAX_TITLE` signs, titles within it in 〈〉.

    Examples
    --------
    >>> short_title("云澜市人力资源和社会保障局关于实施高校毕业生一次性求职补贴的通知")
    '关于实施高校毕业生一次性求职补贴的通知'
    >>> short_title("云澜市人民政府办公室关于印发《云澜市青年人才来澜求职免费住宿实施办法》的通知")
    '云澜市青年人才来澜求职免费住宿实施办法'
    >>> short_title("《云澜市人才安居办法》图解")
    '〈云澜市人才安居办法〉图解'
    """
    title = title.strip()
    if title.startswith("《") and title.endswith("》") and title.count("《") == 1:
        title = title[1:-1]
    if len(title) > MAX_TITLE:
        handed_out = _HANDED_OUT.search(title)
        title = handed_out[1] if handed_out else _OFFICE.sub("", title)
    title = title.replace("《", "〈").replace("》", "〉")
    if len(title) <= MAX_TITLE:
        return title
    cut = title[: MAX_TITLE - 1]
    if cut.rfind("〈") > cut.rfind("〉"):
        cut = cut[: MAX_TITLE - 2]
        return f"{cut}…〉" if not cut.endswith("〈") else f"{cut[:-1]}…"
    return f"{cut.rstrip('，、：（(—')}…"
