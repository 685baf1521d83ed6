"""One poll of a feed: asked for, read, and brought into the catalogue by the function of an import.

In: a feed, what is known of it, the registry. Out: what was found; the memory, brought up to date once the registry has
it all. What a feed or a sitemap does not name any more stays in the catalogue: feeds hold the newest entries alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from sqlalchemy import Engine

from civicrec.catalogue.importers.feed_entries import PREFIX, page_key
from civicrec.errors import InvalidInput, Unavailable
from civicrec.items import Item
from civicrec.polling.documents import Document, read_document
from civicrec.polling.encodings import text_of
from civicrec.polling.entries import Row, addresses_in, rows_of_feed
from civicrec.polling.feed_file import Feed
from civicrec.polling.fetch import Fetcher, Known
from civicrec.polling.memory import Listed, Memory
from civicrec.publishing.imports import import_items
from civicrec.registry.catalogue import Kept

FORM = "feed-entries"
#: Of a feed or sitemap; the protocol of sitemaps sets the same.
MAX_ENTRIES = 50_000
#: Of all sitemaps of a feed together: they are kept from one poll to the next.
MAX_PAGES = 100_000
#: Of an index; each is asked for at each poll.
_MAX_SITEMAPS = 50


@dataclass(slots=True)
class Found:
    """What a poll found.

    Attributes
    ----------
    rows, added, changed, unchanged
        Entries or pages, and what became of them.
    bad, notes
        Place and reason, of what is not in the catalogue; and of what could not be kept.
    gone
        Id and address of items in lists whose page is not there any more.
    waiting
        Pages left for the next poll.
    elsewhere
        Addresses of other hosts, or of none of the paths that the feed names.
    is_as_before
        Whether the server said that nothing has changed.
    """

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    bad: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    waiting: int = 0
    elsewhere: int = 0
    is_as_before: bool = False

    def counts(self) -> dict[str, int]:
        """Return the numbers alone."""
        return {
            "rows": self.rows, "added": self.added, "changed": self.changed, "unchanged": self.unchanged,
            "bad": len(self.bad), "gone": len(self.gone), "waiting": self.waiting, "elsewhere": self.elsewhere,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Polling:
    """What a poll works with: the feed and its name, where it asks and keeps, and the time it began."""

    name: str
    feed: Feed
    registry: Engine
    fetcher: Fetcher
    max_bytes: int
    now: datetime

    def keep(self, rows: Sequence[tuple[str, Row]], found: Found) -> None:
        """Bring rows into the catalogue, each with the place where it stands."""
        places = dict(enumerate((place for place, _ in rows), 1))
        objects = ((n, msgspec.json.encode(row)) for n, (_, row) in enumerate(rows, 1))
        who, why = f"poll:{self.name}", f"catalog poll {self.name}"
        done = import_items(self.registry, objects, FORM, who=who, why=why, now=self.now)
        found.rows += len(rows)
        for what in ("added", "changed", "unchanged"):
            setattr(found, what, getattr(found, what) + getattr(done.kept, what))
        found.bad += [(places[row.line], row.reason) for row in done.bad]
        found.notes += [(places[row.line], row.reason) for row in done.notes]
        if done.kept.added:
            found.notes += self._of_two_types(rows)

    def _of_two_types(self, rows: Sequence[tuple[str, Row]]) -> Iterator[tuple[str, str]]:
        """Name the pages that are items of several types: once the file of the feed says another type than before."""
        of_page: dict[str, list[Item]] = defaultdict(list)
        for item in Kept(self.registry).with_prefix(PREFIX):
            if item.status != "withdrawn" and (key := page_key(item.url)):
                of_page[key].append(item)
        for place, row in rows:
            same = of_page.get(page_key(str(row.get("url", ""))), [])
            if len({item.item_type for item in same}) > 1:
                ids = ", ".join(f"{item.item_id} ({item.item_type})" for item in same)
                yield place, f"its page is {ids} in the catalogue: types are never changed; withdraw the older one"


def read_listed(polling: Polling, memory: Memory) -> tuple[dict[str, Listed], Document | None, str]:
    """Ask for a feed, or a sitemap and those it names.

    Returns
    -------
    tuple
        What is now known of each by address; the feed's entries, ``None`` if it is a sitemap or has not changed; and
        the address they stand at.

    Raises
    ------
    Unavailable, InvalidInput
        If one of them does not answer, or is none.
    """
    address = polling.feed.url
    listed, document, base = _read(polling, address, memory.documents.get(address))
    documents = {address: listed}
    if listed.kind == "index":
        if len(listed.addresses) > _MAX_SITEMAPS:
            raise InvalidInput(f"{address} names {len(listed.addresses)} sitemaps; expected at most {_MAX_SITEMAPS}")
        for child in listed.addresses:
            documents[child], _, _ = _read(polling, child, memory.documents.get(child))
            if documents[child].kind != "sitemap":
                raise InvalidInput(f"{child} is no sitemap, and {address} says that it is")
            if sum(len(one.addresses) for one in documents.values()) > MAX_PAGES:
                raise InvalidInput(
                    f"{address} leads to more than {MAX_PAGES} pages; name its sitemaps in feeds of their own"
                )
    return documents, document if listed.kind == "feed" else None, base


def poll_entries(polling: Polling, document: Document, base: str) -> Found:
    """Bring the entries of a feed into the catalogue."""
    found = Found()
    polling.keep([(f"line {line}", row) for line, row in rows_of_feed(document, polling.feed, base)], found)
    return found


def _read(polling: Polling, address: str, before: Listed | None) -> tuple[Listed, Document | None, str]:
    # Of an index it is its sitemaps that change, and the file itself may be from the first day.
    known = before.known if before and before.kind != "index" else Known()
    answer = polling.fetcher.get(address, polling.max_bytes, known)
    if answer.status == 304 and before:
        return before, None, answer.url
    if answer.status != 200:
        gone = ", it is not there any more" if answer.status in (404, 410) else ""
        raise Unavailable(f"{address} answered {answer.status}{gone}")
    try:
        document = read_document(text_of(answer.body, answer.charset), MAX_ENTRIES)
    except InvalidInput as error:
        raise InvalidInput(f"{address}: {error}") from None
    addresses = {} if document.kind == "feed" else addresses_in(document, answer.url)
    return Listed(answer.known, document.kind, answer.url, addresses), document, answer.url
