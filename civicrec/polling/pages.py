"""What the head of a page says of it: the names that 政府网站发展指引 sets for government pages, and those others use.

In: the HTML of a page. Out: a row of the format `feed-entries`, without an address; `None` if it is no article.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

from civicrec.markup import without_unread

#: Names in small letters, the best first.
_TITLE = ("articletitle", "og:title", "dc.title", "title")
_PUBLISHED = ("pubdate", "article:published_time", "publishdate", "dc.date", "firstpublishedtime", "date")
_SOURCE = ("contentsource", "source", "author", "article:author")
_COLUMN = ("columnname", "article:section")
_SUMMARY = ("description", "og:description")
_WORDS = ("keywords",)
#: What only articles have: the page of a column has a title and a description too.
_OF_ARTICLES = ("articletitle", "pubdate", "article:published_time", "publishdate")
#: Of a page, as far as anybody writes a head.
_HEAD = 256 << 10
_META = re.compile(r"<meta\s[^<]{1,4000}>", re.IGNORECASE)
_TITLE_TAG = re.compile(r"<title[^<>]{0,200}>([^<]{1,2000})</title", re.IGNORECASE)
_HEAD_ENDS = re.compile(r"</head\s*>|<body[\s>]", re.IGNORECASE)


def row_of(page: str) -> dict[str, object] | None:
    """Return what a page says of itself.

    Examples
    --------
    >>> row_of('<meta name="ArticleTitle" content="关于公积金的通知"><meta name="PubDate" content="2026-01-31 08:00">')
    {'title': '关于公积金的通知', 'published': '2026-01-31 08:00'}
    """
    page = without_unread(page[:_HEAD])
    end = _HEAD_ENDS.search(page)
    head = page[: end.start()] if end else page
    said: dict[str, str] = {}
    for match in _META.finditer(head):
        name, content = _said_by(match[0])
        if name and content:
            said.setdefault(name, content)
    is_article = any(said.get(name) for name in _OF_ARTICLES) or said.get("og:type", "").lower() == "article"
    if not is_article:
        return None
    given = {
        "title": _first(said, _TITLE) or _title_of(head), "published": _first(said, _PUBLISHED),
        "source": _first(said, _SOURCE), "column": _first(said, _COLUMN), "summary": _first(said, _SUMMARY),
        "words": _first(said, _WORDS),
    }  # fmt: skip
    return {name: value for name, value in given.items() if value}


def _first(said: dict[str, str], names: tuple[str, ...]) -> str:
    return next((said[name] for name in names if said.get(name)), "")


def _title_of(head: str) -> str:
    match = _TITLE_TAG.search(head)
    return " ".join(html.unescape(match[1]).split()) if match else ""


def _said_by(tag: str) -> tuple[str, str]:
    """Return what a meta tag names, in small letters, and what it says of it."""
    reader = _Tag()
    reader.feed(tag)
    reader.close()
    name = reader.given.get("name") or reader.given.get("property", "")
    return name.strip().lower(), reader.given.get("content", "").strip()


class _Tag(HTMLParser):
    """Reads the attributes of one tag; of a whole strange page it would take a time that grows with its square."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.given: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.given = {name: value or "" for name, value in attrs}
