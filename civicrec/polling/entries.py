"""Entries of a feed as rows of an import, and addresses of a sitemap.

In: a `Document`. Out: (line, row of the format `feed-entries`); address → line and day of its last change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from civicrec.polling.documents import Document, Entry
from civicrec.polling.feed_file import Feed

Row = dict[str, Any]


def rows_of_feed(document: Document, feed: Feed, base: str) -> Iterator[tuple[int, Row]]:
    """Return the entries of RSS or Atom; addresses are made whole by that of the feed."""
    for entry in document.entries:
        categories = [text or given.get("label") or given.get("term", "") for text, given in entry.texts("category")]
        author = entry.text("source", "creator", "author")
        row = {
            "title": entry.text("title"), "url": _whole(_link(entry), base),
            "guid": _of_host(entry.text("guid", "id"), base),
            "published": entry.text("pubdate", "published", "date", "issued", "created"),
            "updated": entry.text("updated", "modified"),
            "summary": entry.text("description", "summary"), "body": entry.text("encoded", "content"),
            "source": "" if "@" in author else author, "column": categories,
        }  # fmt: skip
        if not row["published"]:
            row["published"] = row["updated"]
        yield entry.line, of_feed(row, feed)


def of_feed(row: Row, feed: Feed) -> Row:
    """Return a row with what the file of the feed says of it."""
    columns = row.get("column") or []
    columns = columns if isinstance(columns, list) else [columns]
    named = next((feed.types[column] for column in columns if column in feed.types), feed.item_type)
    return {**row, "item_type": named, "issuer": feed.issuer, "theme": list(feed.theme)}


def addresses_in(document: Document, base: str) -> dict[str, tuple[int, str]]:
    """Return the addresses of a sitemap, each once: its line, and when it last changed, as it is written."""
    found: dict[str, tuple[int, str]] = {}
    for entry in document.entries:
        found.setdefault(_whole(entry.text("loc"), base), (entry.line, entry.text("lastmod")))
    return found


def is_wanted(address: str, feed: Feed, hosts: Collection[str | None]) -> bool:
    """Tell whether a page of a sitemap is one of the feed's: of these hosts, and under one of the paths it names."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return True  # which is refused, and told
    return parts.hostname in hosts and (not feed.under or parts.path.startswith(feed.under))


def _of_host(guid: str, base: str) -> str:
    """Return a guid that no other portal has: many count from 1."""
    return guid if not guid or guid.startswith(("http:", "https:")) else f"{urlsplit(base).hostname} {guid}"


def _link(entry: Entry) -> str:
    links = [
        text or given.get("href", "")
        for text, given in entry.texts("link")
        if given.get("rel", "alternate") == "alternate"
    ]
    own = next(filter(None, links), "")
    guids = entry.texts("guid")
    permanent = next((text for text, given in guids if given.get("isPermaLink") != "false"), "")
    return own or (permanent if permanent.startswith(("http://", "https://")) else "")


def _whole(link: str, base: str) -> str:
    try:
        return urljoin(base, link) if link else ""
    except ValueError:
        return link
