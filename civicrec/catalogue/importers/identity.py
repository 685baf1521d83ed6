"""Which id a document of a file gets, so that none ever takes the place of another.

In: rows with the ids they may have, and what the catalogue holds under these. Out: one id for each row, or the reason
why it has none. An interpretation bears its policy's number, departments count from 第1号 each, and a hash of title,
day and page changes when a title is corrected: so an id is taken up again only by what is the same document.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from civicrec.errors import InvalidInput
from civicrec.items import Item

#: How alike two titles must be to be one title and its correction.
_ALIKE = 0.75
#: Signs that tell one of a series from the next: 附件1 and 附件2, （上） and （下）, 2023年 and 2024年.
_OF_A_SERIES = re.compile("[0-9a-z一二三四五六七八九十百千零〇两上中下甲乙丙丁戊]")


def is_same_document(one: Item, other: Item) -> bool:
    """Tell whether two items of one number are one document: its page or its title stayed."""
    if one.item_type != other.item_type:
        return False
    return (one.url == other.url and is_page(one.url)) or is_alike(one.title, other.title)


def is_alike(one: str, other: str) -> bool:
    """Tell whether two titles are one title and its correction."""
    one, other = (unicodedata.normalize("NFKC", title).casefold() for title in (one, other))
    if _OF_A_SERIES.findall(one) != _OF_A_SERIES.findall(other):
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def is_page(url: str) -> bool:
    """Tell whether an address is a page of its own, not a site's front."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.path.strip("/") or parts.query)


@dataclass(frozen=True, slots=True)
class PossibleIds:
    """The ids a row may have.

    Attributes
    ----------
    takes
        Those it may take, the best first; the last is derived from the row itself.
    had
        Those that earlier versions gave to such rows: kept where the catalogue has this document under one.
    derived_prefix
        How ids that are derived from a row begin; empty for a source with ids of its own.
    is_same
        Tells whether the item that has an id, and the row's, are one document.
    """

    takes: tuple[str, ...]
    had: tuple[str, ...] = ()
    derived_prefix: str = ""
    is_same: Callable[[Item, Item], bool] = is_same_document


class KeptItems(Protocol):
    """What the catalogue holds."""

    def named(self, item_ids: Iterable[str]) -> Mapping[str, Item]:
        """Return those of the ids that are there."""

    def with_prefix(self, prefix: str) -> Iterable[Item]:
        """Return the items whose id begins so."""


class NothingKept:
    """An empty catalogue."""

    def named(self, item_ids: Iterable[str]) -> Mapping[str, Item]:
        """Return nothing."""
        return {}

    def with_prefix(self, prefix: str) -> Iterable[Item]:
        """Return nothing."""
        return ()


class Register:
    """Gives ids to the rows of one file: first to those that the catalogue holds as they are, then to the others."""

    def __init__(self, rows: Sequence[tuple[int, Item, PossibleIds]], kept: KeptItems) -> None:
        choices = [ids for _, _, ids in rows if len(ids.takes) + len(ids.had) > 1]
        own = {ids.takes[-1] for _, _, ids in rows if ids.derived_prefix}
        self._kept = dict(kept.named({name for ids in choices for name in (*ids.takes, *ids.had)}))
        self._pages: dict[str, list[Item]] = defaultdict(list)
        self._taken: dict[str, tuple[int, Item]] = {}
        for prefix in sorted({ids.derived_prefix for _, item, ids in rows if ids.derived_prefix and is_page(item.url)}):
            for item in kept.with_prefix(prefix):
                if item.item_id in own:  # itself, and no earlier state of another row
                    self._kept[item.item_id] = item
                else:
                    self._pages[item.url].append(item)
        for line, item, ids in rows:
            if ids.derived_prefix and (item_id := self._as_it_is(item, ids)):
                self._taken.setdefault(item_id, (line, item))

    def settled(self, line: int, item: Item, ids: PossibleIds) -> Item:
        """Return the item under the id it gets.

        Raises
        ------
        InvalidInput
            If the same document, or for a source with ids of its own the same id, stands in another line.
        """
        item_id = ids.takes[0] if not ids.derived_prefix else self._chosen(item, ids)
        other, _ = self._taken.setdefault(item_id, (line, item))
        if other != line:
            when = "already" if other < line else "too"
            raise InvalidInput(f"item_id {item_id!r} stands in line {other} {when}; keep one of the two")
        return item if item.item_id == item_id else msgspec.structs.replace(item, item_id=item_id)

    def _as_it_is(self, item: Item, ids: PossibleIds) -> str:
        """Return the id under which the last import of this very row left it."""
        every = (item_id for item_id in (*ids.takes, *ids.had) if item_id in self._kept)
        return next((item_id for item_id in every if _face(self._kept[item_id]) == _face(item)), "")

    def _chosen(self, item: Item, ids: PossibleIds) -> str:
        derived = ids.takes[-1]
        if item_id := self._as_it_is(item, ids):
            return item_id
        for item_id in (*ids.takes, *ids.had):
            holder = self._taken[item_id][1] if item_id in self._taken else self._kept.get(item_id)
            if holder is not None and (item_id == derived or _face(holder) == _face(item) or ids.is_same(holder, item)):
                return item_id
        free = next(item_id for item_id in ids.takes if item_id == derived or not self._is_held(item_id))
        return (free == derived and self._corrected(item)) or free

    def _is_held(self, item_id: str) -> bool:
        return item_id in self._taken or item_id in self._kept

    def _corrected(self, item: Item) -> str:
        """Return the id of the document whose title was corrected: one page, one day, one type, a title much alike."""
        same_documents = [
            old.item_id
            for old in self._pages.get(item.url, ())
            if (old.item_type, old.published_at) == (item.item_type, item.published_at)
            and is_alike(old.title, item.title)
        ]
        return same_documents[0] if len(same_documents) == 1 and same_documents[0] not in self._taken else ""


def _face(item: Item) -> tuple[object, ...]:
    return item.item_type, item.title, item.url, item.published_at, item.document_no, item.index_no
