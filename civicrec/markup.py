"""Running text out of pages: without their markup, their entities, and the characters nobody sees.

In: text as a content system exports it. Out: what a reader of the page would have read.
"""

from __future__ import annotations

import html
import re

from civicrec.text import printable

_NAMES = (
    "a|abbr|article|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|figure|font|footer|form|h[1-6]|head|header|hr|"
    "html|i|iframe|img|input|label|li|link|main|meta|nobr|o:p|object|ol|p|pre|q|s|script|section|small|span|strike|"
    "strong|style|sub|sup|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|u|ul|video|w:[a-z]+|wbr|st1:[a-z]+"
)
#: Known names only: 关于<中华人民共和国公司法>的通知 puts a title in angle brackets.
_TAG = re.compile(rf"</?(?:{_NAMES})(?:[\s/][^<>]*)?/?>|<!\[CDATA\[|\]\]>|<!doctype[^<>]*>", re.I)
_LINE = re.compile(r"<(?:br|hr|/?(?:p|div|li|tr|h[1-6]|table|ul|ol|section))(?:[\s/][^<>]*)?/?>", re.I)
#: What a page holds and nobody reads: how it opens, and what closes it.
_UNREAD = (("<script", "</script"), ("<style", "</style"), ("<!--", "--"))
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.I)
#: Without width: spaces, joiners, marks of direction and byte order, soft hyphens, fillers, variation selectors.
_WIDTHLESS = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2060-\u2064\u2800\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U000e0000-\U000e007f]"
)
#: A page is taken to pieces at most so often: an export may have escaped its markup twice.
_ROUNDS = 6
#: What a conversion between encodings leaves where it lost characters: U+FFFD, and its bytes read as GBK.
_LOST = re.compile("\ufffd|锟斤拷|斤拷锟|烫烫烫|屯屯屯|ï¿½")


def plain(text: str, *, keep_lines: bool = False) -> str:
    r"""Return the text without markup, entities and unseen characters, its spaces made single; lines stay if asked for.

    Examples
    --------
    >>> plain("<p>关于&nbsp;<b>公积金</b>\u200b的通知</p>")
    '关于 公积金的通知'
    >>> plain("关于<中华人民共和国公司法>的通知 A&B")
    '关于<中华人民共和国公司法>的通知 A&B'
    """
    for _ in range(_ROUNDS):
        before, text = text, _WIDTHLESS.sub("", printable(text, " "))
        if "<" in text:
            text = _without_tags(text)
        if "&" in text:
            text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
        if text == before:
            break
    if not keep_lines:
        return " ".join(text.split())
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def lost_characters(text: str) -> str:
    """Return what stands in the text where a conversion lost characters, empty when nothing does.

    Examples
    --------
    >>> lost_characters("关于\ufffd\ufffd的通知") and not lost_characters("关于公积金的通知")
    True
    """
    match = _LOST.search(text)
    return match[0] if match else ""


def has_markup(text: str) -> bool:
    """Tell whether tags or entities are left in a text."""
    return ("<" in text and _TAG.search(text) is not None) or ("&" in text and _ENTITY.search(text) is not None)


def without_unread(text: str) -> str:
    """Return a page without its scripts, styles and comments, in one walk each.

    Examples
    --------
    >>> without_unread("<!-- <b> --><i>公积金</i><script>a<b</script>")
    '<i>公积金</i>'
    """
    for opening, closing in _UNREAD:
        text = _without(text, opening, closing)
    return text


def _without_tags(text: str) -> str:
    text = without_unread(text)
    return _TAG.sub("", _LINE.sub("\n", text))


def _without(text: str, opening: str, closing: str) -> str:
    """Take out what stands between two marks, in one walk through the text; what is never closed stays."""
    small, parts, done = text.lower(), [], 0
    if len(small) != len(text):  # a letter that is two in lower case: places would not fit
        return text
    while (start := small.find(opening, done)) >= 0 and (end := small.find(closing, start + len(opening))) >= 0:
        parts.append(text[done:start])
        done = small.find(">", end) + 1 or len(text)
    return "".join((*parts, text[done:]))
