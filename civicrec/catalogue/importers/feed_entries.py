"""Format `feed-entries`: what a feed, or the head of a page, says of a document.

In: one row: ``title``, ``url``, ``guid``, ``published``, ``updated``, ``summary``, ``body``, ``source``, ``column``,
``words``, and from who asked ``item_type``, ``issuer``, ``theme``. Out: an `Item`. Its id is of its guid or its page,
unless the catalogue has another document under it: portals use the address of a page, and the number of an entry,
again.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from civicrec.catalogue.importers.dates import time_in
from civicrec.catalogue.importers.fields import Note, link_in, summary_of, text_in, value_in, words_in
from civicrec.catalogue.importers.identity import PossibleIds, is_alike, is_page
from civicrec.clock import local_date, rfc3339
from civicrec.errors import InvalidInput
from civicrec.items import ERASED_TITLE, Item, item_from
from civicrec.markup import plain

PREFIX = "web-"
_KEYS = 16


def item(row: dict[str, Any], note: Note) -> Item:
    """Turn one entry into an `Item`; its id is the first of `ids_of`.

    Raises
    ------
    InvalidInput
        If it has no title, or a field is of the wrong type. A date that cannot be read is left out, and told.
    """
    title = plain(text_in(row, "title"))
    if not title:
        raise InvalidInput("title is missing or empty; an entry needs the words a list shows")
    summary, body = (plain(value_in(row, name), keep_lines=True) for name in ("summary", "body"))
    body = body or summary
    return item_from({
        "item_id": ids_of(row).takes[0],
        "item_type": value_in(row, "item_type") or "news",
        "title": title,
        "summary": summary_of(summary or body),
        "url": link_in(row, "url", note),
        "body_text": body,
        "issuer": value_in(row, "issuer"),
        "theme": words_in(row, "theme", note),
        "tags": list(dict.fromkeys([*words_in(row, "column", note), *words_in(row, "words", note)])),
        "published_at": _time(row, "published", note),
        "updated_at": _time(row, "updated", note),
        "source": value_in(row, "source"),
    })  # fmt: skip


def ids_of(row: dict[str, Any]) -> PossibleIds:
    """Return the ids the row may have: of its guid or page, and one of all that tells it from others."""
    url, guid, title = text_in(row, "url"), text_in(row, "guid"), plain(text_in(row, "title"))
    derived = _id("\n".join((title, text_in(row, "published"), url)))
    own = guid if guid and not guid.startswith(("http:", "https:")) else page_key(url)
    takes = (_id(own), derived) if own else (derived,)
    return PossibleIds(takes, derived_prefix=PREFIX, is_same=is_same_page)


def page_id(url: str) -> str:
    """Return the id that an entry of this page has, if it has no guid of another kind; empty if it is no page."""
    return _id(page_key(url)) if page_key(url) else ""


def is_same_page(one: Item, other: Item) -> bool:
    """Tell whether two entries of one guid or page are one document: two of title, page and day stayed.

    One alone may change when a document is corrected, moved or published again; any one alone may also be another
    document's: titles such as 人事任免 come every month, and a page or a guid may be used again.
    """
    if one.item_type != other.item_type:
        return False
    if one.title == ERASED_TITLE:
        return True  # so that the import refuses it, and what was erased does not come back under another id
    stayed = (
        is_alike(one.title, other.title), page_key(one.url) == page_key(other.url) != "", _day(one) == _day(other) != ""
    )  # fmt: skip
    return sum(stayed) >= 2


def page_key(url: str) -> str:
    """Return the address of a page as one spelling: without scheme, fragment and port; empty if it is no page's."""
    if not is_page(url):
        return ""
    parts = urlsplit(url)
    return f"//{(parts.hostname or '').lower()}{parts.path}{'?' if parts.query else ''}{parts.query}"


def _day(one: Item) -> str:
    return local_date(one.published_at).isoformat() if one.published_at else ""


def _id(key: str) -> str:
    return PREFIX + hashlib.sha256(key.encode(errors="replace")).hexdigest()[:_KEYS]


def _time(row: dict[str, Any], column: str, note: Note) -> str | None:
    text = value_in(row, column)
    if not text:
        return None
    try:
        return rfc3339(time_in(column, text))
    except InvalidInput as error:
        note(f"{error}; the item is kept without it")
        return None
