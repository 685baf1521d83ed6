"""The pages of a sitemap: which of them a poll asks for, and what their heads say.

In: addresses, what is known of each. Out: rows of an import; pages that are gone; how many wait for the next poll.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from civicrec.catalogue.importers.feed_entries import page_id
from civicrec.clock import monotonic_s, rfc3339
from civicrec.errors import InvalidInput, Unavailable
from civicrec.polling.encodings import text_of
from civicrec.polling.entries import Row, is_wanted, of_feed
from civicrec.polling.fetch import Known
from civicrec.polling.memory import Listed, Page
from civicrec.polling.pages import row_of
from civicrec.polling.run import Found, Polling
from civicrec.registry.catalogue import Kept

MAX_PAGE_BYTES = 2 << 20
#: A poll asks for pages so long at most, and gives up after so many in a row that do not answer.
_LONGEST_S, _SILENT = 600.0, 5
_NO_ARTICLE = "no article: its head has no ArticleTitle, PubDate or og:type article"


def poll_pages(
    polling: Polling, documents: Mapping[str, Listed], pages: Mapping[str, Page]
) -> tuple[Found, dict[str, Page]]:
    """Ask for the pages that are due, and bring what they say into the catalogue.

    Returns
    -------
    tuple
        What was found, and what is then known of all pages.

    Raises
    ------
    Unavailable
        If the server does not answer any more.
    """
    listed = {
        address: changed
        for document in documents.values()
        if document.kind == "sitemap"
        for address, (_, changed) in document.addresses.items()
    }
    hosts = {urlsplit(address).hostname for address in (polling.feed.url, *(one.base for one in documents.values()))}
    wanted = {address: changed for address, changed in listed.items() if is_wanted(address, polling.feed, hosts)}
    due = due_pages(wanted, pages, polling.now, timedelta(days=polling.feed.again_days))
    asking = _Asking(polling, wanted, dict(pages))
    began_s, n_asked = monotonic_s(), 0
    for address in due[: polling.feed.pages_a_run]:
        if monotonic_s() - began_s > _LONGEST_S:
            break
        asking.ask(address)
        n_asked += 1
    found = asking.found
    polling.keep(asking.rows, found)
    found.rows = n_asked
    found.waiting, found.elsewhere = len(due) - n_asked, len(listed) - len(wanted)
    found.gone = _in_lists(polling, [address for address, page in asking.pages.items() if page.is_gone])
    known = {address for _, address in found.gone}
    pages = {
        address: page
        for address, page in asking.pages.items()
        if address in wanted or address in known or not page.is_gone
    }
    return found, pages


def due_pages(wanted: Mapping[str, str], pages: Mapping[str, Page], now: datetime, again: timedelta) -> list[str]:
    """Return the pages to ask for: those never seen, those that changed, and those not asked for in a long while.

    The longest ago come first, so that a page which never answers does not keep others waiting.
    """
    before = rfc3339(now - again)
    fresh = {
        address for address, changed in wanted.items() if address not in pages or pages[address].changed != changed
    }
    old = {address for address, page in pages.items() if page.asked_at < before} - fresh
    asked_at = {address: (page.asked_at, address) for address, page in pages.items()}
    return [address for some in (fresh, old) for address in sorted(some, key=lambda one: asked_at.get(one, ("", one)))]


class _Asking:
    """Asks for one page after another, and gathers what came."""

    def __init__(self, polling: Polling, wanted: Mapping[str, str], pages: dict[str, Page]) -> None:
        self.found = Found()
        self.rows: list[tuple[str, Row]] = []
        self.pages = pages
        self._polling, self._wanted = polling, wanted
        self._asked_at = rfc3339(polling.now)
        self._silent = 0

    def ask(self, address: str) -> None:
        before = self.pages.get(address, Page(Known()))
        changed = self._wanted.get(address, before.changed)
        try:
            answer = self._polling.fetcher.get(address, MAX_PAGE_BYTES, before.known)
        except Unavailable as error:
            self._silent += 1
            if self._silent == _SILENT:
                raise Unavailable(f"{_SILENT} pages in a row did not answer; the last: {error}") from None
            self._failed(address, before, str(error))
            return
        except InvalidInput as error:
            self.found.bad.append((address, str(error)))
            self.pages[address] = Page(Known(), changed, self._asked_at)
            return
        self._silent = 0
        if answer.status in (404, 410):
            self.pages[address] = Page(Known(), changed, self._asked_at, is_gone=True)
        elif answer.status not in (200, 304):
            self._failed(address, before, f"answered {answer.status}")
        else:
            self.pages[address] = Page(answer.known if answer.status == 200 else before.known, changed, self._asked_at)
            if answer.status == 200:
                self._read(address, text_of(answer.body, answer.charset))
            else:
                self.found.unchanged += 1

    def _read(self, address: str, page: str) -> None:
        said = row_of(page)
        if said is None:
            self.found.bad.append((address, _NO_ARTICLE))
        else:
            self.rows.append((address, of_feed({**said, "url": address}, self._polling.feed)))

    def _failed(self, address: str, before: Page, why: str) -> None:
        """Leave a page as it was known, so that the next poll asks again."""
        self.found.bad.append((address, why))
        self.pages[address] = Page(before.known, before.changed or "?", self._asked_at)


def _in_lists(polling: Polling, addresses: list[str]) -> list[tuple[str, str]]:
    """Return id and address of what is still in lists, though its page is gone."""
    ids = {item_id: address for address in addresses if (item_id := page_id(address))}
    kept = Kept(polling.registry).named(ids)
    return [(item_id, ids[item_id]) for item_id, item in kept.items() if item.status != "withdrawn"]
