"""The catalogue as arrays: one frozen snapshot that lists are made from.

In: `Item`s. Out: row numbers, masks and orders. A row number belongs to its item for good: a refresh changes rows in
place of the old ones and appends new ones, so whatever was placed on rows before stays right.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from math import log
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from civicrec.catalogue.references import normal_number, references
from civicrec.clock import rfc3339, to_ms
from civicrec.items import ITEM_TYPES, Item, Rel, hash_of
from profiles.tags import learned_tags
from recommender.derived import Derives
from recommender.terms import terms_of

#: Stands for "since ever" and "for ever" where an item names no time.
EVER_MS, NEVER_MS = np.iinfo(np.int64).min, np.iinfo(np.int64).max

_IN_FORCE = frozenset({"有效", "修改"})
_TYPE_NUMBER = {name: number for number, name in enumerate(ITEM_TYPES)}
#: How much of a text is looked through for the documents it names.
MAX_TEXT = 20_000
_NO_TERMS = array("H")
_encode = msgspec.json.Encoder().encode


_Made = TypeVar("_Made")
_OF_IDS: set[Callable[[Any], object]] = set()
_OF_TITLES: set[Callable[[Any], object]] = set()


def of_ids(work_out: Callable[[Catalogue], _Made]) -> Callable[[Catalogue], _Made]:
    """Mark what is worked out of ids alone: it stays while no item is new."""
    _OF_IDS.add(work_out)
    return work_out


def of_titles(work_out: Callable[[Catalogue], _Made]) -> Callable[[Catalogue], _Made]:
    """Mark what is worked out of ids, titles and times of publication alone: it stays while none of these changes."""
    _OF_TITLES.add(work_out)
    return work_out


def theme_number(name: str) -> int:
    """Return the number that a theme has in `Catalogue.themes`, in every catalogue the same."""
    return zlib.crc32(name.encode())


@dataclass(frozen=True, slots=True)
class Catalogue(Derives):
    """All items of one catalogue version, of any status.

    Attributes
    ----------
    version
        As the registry counts it; 0 for an empty catalogue.
    items
        Item id → item.
    item_ids, rows
        Row number → item id, and back.
    types
        (n,) place of the item's type in `ITEM_TYPES`.
    is_offered
        (n,) online, in force by its validity and, for news, from a permitted source: true at any time of day.
    is_public
        (n,) online and of a source that may be reprinted: what anybody may learn of once it is published.
    has_links
        (n,) whether it names others that belong to it.
    opens_ms, closes_ms
        (n,) first instant the item may be shown (valid and published), and the first at which it no longer may.
    apply_until_ms
        (n,) instant at which applications close; NEVER_MS without one.
    published_ms
        (n,) EVER_MS where unknown.
    newest
        (n,) rows, newest first, then those without a date; of one time by id.
    places
        (n,) row → its place in `newest`.
    places_by_id
        (n,) row → its place among all, by id.
    tags
        Row → numbers of its tags, of those a person's interest may rest on (`profiles.tags.learned_tags`).
    themes
        Row → numbers of its themes, governed or not, which are spread over a list.
    tag_numbers
        Tag name → its number.
    tag_rows
        Tag number → rows that carry it, newest first.
    tag_rarity
        Tag number → log of how many items there are for each that carries it, 0 for a tag of all.
    linked_from
        Item id → (relation, id of the item that holds the link).
    mentioned_in
        Row → rows whose title or summary names it.
    mentioned_names
        Row → the titles and numbers that its title and summary name, of rows that name any.
    named
        Title or document number → row of the item that has it.
    hashes
        (n,) 32-bit hash of the item id, for cursors and for what was seen.
    terms
        Row → terms of its title, for `recommender.likeness`.
    fragments
        Row → the item's part of a JSON answer, encoded once.
    """

    version: int = 0
    items: Mapping[str, Item] = field(default_factory=dict)
    item_ids: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    types: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    is_offered: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    is_public: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    has_links: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    opens_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    closes_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    apply_until_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    published_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    hashes: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    newest: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    places: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    places_by_id: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    tags: tuple[tuple[int, ...], ...] = ()
    themes: tuple[tuple[int, ...], ...] = ()
    tag_numbers: Mapping[str, int] = field(default_factory=dict)
    tag_rows: tuple[NDArray[np.int64], ...] = ()
    tag_rarity: tuple[float, ...] = ()
    linked_from: Mapping[str, tuple[tuple[Rel, str], ...]] = field(default_factory=dict)
    mentioned_in: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    named: Mapping[str, int] = field(default_factory=dict)
    mentioned_names: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    terms: tuple[array[int], ...] = ()
    fragments: tuple[bytes, ...] = ()

    def __len__(self) -> int:
        return len(self.item_ids)

    def rows_of(self, item_ids: Iterable[str]) -> list[int]:
        """Return the rows of those ids that are known, in order."""
        return [row for row in map(self.rows.get, item_ids) if row is not None]

    def rows_of_many(self, item_ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the row of each of those ids, -1 of what is not known.

        In a dictionary each of many would wait for memory on its own.
        """
        order, ascending = self.once(by_id)
        wanted = np.array([item_id.encode() for item_id in item_ids], np.bytes_)
        places = ascending.searchsorted(wanted.astype(ascending.dtype), side="right") - 1
        rows: NDArray[np.int64] = np.where(ascending[places] == wanted, order[places], -1)
        return rows

    def rows_of_hashes(self, hashes: Sequence[int]) -> list[int]:
        """Return the rows of those hashes that are known, in order."""
        wanted = np.array(hashes, np.uint32)
        order, ascending = self.once(_by_hash)
        first = np.searchsorted(ascending, wanted)
        sizes = np.searchsorted(ascending, wanted, "right") - first  # two items with one hash are both meant
        nth = np.arange(sizes.sum()) - np.repeat(sizes.cumsum() - sizes, sizes)
        rows: list[int] = order[np.repeat(first, sizes) + nth].tolist()
        return rows

    def title(self, row: int) -> str:
        """Return the item's title."""
        return self.items[self.item_ids[row]].title

    @property
    def tag_names(self) -> list[str]:
        """Tag number → name."""
        return self.once(_tag_names)

    @classmethod
    def of(cls, items: Iterable[Item], version: int = 1) -> Catalogue:
        """Return the snapshot of these items."""
        return cls().refreshed(version, list(items))

    def refreshed(self, version: int, changed: Sequence[Item]) -> Catalogue:
        """Return the next snapshot: these items changed or new, all others as they were."""
        items = {**self.items, **{item.item_id: item for item in changed}}
        new_ids = tuple(items)[len(self) :]
        item_ids = (*self.item_ids, *new_ids) if new_ids else self.item_ids
        new_rows = {item_id: row for row, item_id in enumerate(new_ids, len(self))}
        rows = {**self.rows, **new_rows} if new_ids else self.rows
        latest = {rows[item.item_id]: items[item.item_id] for item in changed}
        before = [(self.items[item.item_id], item) for item in latest.values() if item.item_id in self.items]
        new = [items[item_id] for item_id in new_ids]
        at = np.fromiter(latest, np.int64, len(latest))
        names = dict(self.tag_numbers)
        tags: list[tuple[int, ...]] = [*self.tags, *[()] * len(new)]
        themes: list[tuple[int, ...]] = [*self.themes, *[()] * len(new)]
        terms: list[array[int]] = [*self.terms, *[_NO_TERMS] * len(new)]
        fragments = [*self.fragments, *[b""] * len(new)]
        mentioned_names = dict(self.mentioned_names)
        for row, item in latest.items():
            tags[row] = tuple(names.setdefault(name, len(names)) for name in learned_tags(item))
            themes[row] = tuple(map(theme_number, dict.fromkeys(item.theme)))
            terms[row] = terms_of(item.title)
            fragments[row] = _fragment(item)
            mentioned_names.pop(row, None)
            if mentioned := tuple(dict.fromkeys(_names_in(f"{item.title} {item.summary}"))):
                mentioned_names[row] = mentioned
        # What did not change is taken over: one withdrawal among 100 000 items must cost a withdrawal.
        if all(_names_of(old) == _names_of(item) for old, item in before):
            added = {name: rows[item.item_id] for item in new for name in _names_of(item)}
            named = {**self.named, **added} if added else self.named
        else:
            named = {name: row for row, item in enumerate(items.values()) for name in _names_of(item)}
        has_same_mentions = named is self.named and mentioned_names == self.mentioned_names
        mentioned_in = self.mentioned_in if has_same_mentions else _mentioned_in(mentioned_names, named)
        if all(old.links == item.links for old, item in before):
            linked_from = _linked_from(new, self.linked_from)
        else:
            linked_from = _linked_from(items.values(), {})
        facts: dict[str, Any] = {
            name: _placed(getattr(self, name), at, [of(item) for item in latest.values()], len(items))
            for name, of in _FACTS.items()
        }
        published = facts["published_ms"]
        by_id = _places_by_id(item_ids) if new else self.places_by_id
        newest, places, tag_rows = self.newest, self.places, self.tag_rows
        is_moved = bool(new) or not np.array_equal(published, self.published_ms)
        if is_moved:
            newest = np.lexsort((by_id, -published.clip(min=EVER_MS + 1)))
            places = np.empty_like(newest)
            places[newest] = np.arange(len(newest))
        if is_moved or any(tags[row] != self.tags[row] for row in latest):
            tag_rows = _inverted(tags, places, len(names))
        refreshed = Catalogue(
            version=version,
            items=items,
            item_ids=item_ids,
            rows=rows,
            newest=newest,
            places=places,
            places_by_id=by_id,
            tags=tuple(tags),
            themes=tuple(themes),
            tag_numbers=names,
            tag_rows=tag_rows,
            tag_rarity=tuple(log((1 + len(items)) / (1 + len(some))) for some in tag_rows),
            linked_from=linked_from,
            mentioned_in=mentioned_in,
            named=named,
            mentioned_names=mentioned_names,
            terms=tuple(terms),
            fragments=tuple(fragments),
            **facts,
        )
        stays = set() if new else _OF_IDS
        if not is_moved and all(old.title == item.title for old, item in before):
            stays = _OF_IDS | _OF_TITLES
        refreshed._derived.update({made: kept for made, kept in self._derived.items() if made in stays})
        return refreshed


def _tag_names(catalogue: Catalogue) -> list[str]:
    return list(catalogue.tag_numbers)


def _places_by_id(item_ids: Sequence[str]) -> NDArray[np.int64]:
    """Return row → the place of its id among all: the same in every process, however its rows came about."""
    places = np.empty(len(item_ids), np.int64)
    places[sorted(range(len(item_ids)), key=item_ids.__getitem__)] = np.arange(len(item_ids))
    return places


def _ms(at: datetime | None, otherwise: int) -> int:
    return otherwise if at is None else to_ms(at)


def _is_public(item: Item) -> bool:
    return item.status == "online" and (item.source_permitted or item.item_type != "news")


@of_ids
def by_id(catalogue: Catalogue) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
    """Return -1 and the rows by rising id, and the empty id, which no item has, and those of these rows."""
    order = np.full(1 + len(catalogue), -1, np.int64)
    order[1 + catalogue.places_by_id] = np.arange(len(catalogue))
    ids = np.array([item_id.encode() for item_id in (*catalogue.item_ids, "")], np.bytes_)
    return order, ids[order]


@of_ids
def _by_hash(catalogue: Catalogue) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return the rows by rising hash, and these hashes."""
    order = catalogue.hashes.argsort(kind="stable")
    return order, catalogue.hashes[order]


_FACTS: dict[str, Any] = {
    "types": lambda item: _TYPE_NUMBER[item.item_type],
    "is_offered": lambda item: _is_public(item) and item.validity in _IN_FORCE,
    "is_public": _is_public,
    "has_links": lambda item: bool(item.links),
    "opens_ms": lambda item: max(_ms(item.valid_from, EVER_MS), _ms(item.published_at, EVER_MS)),
    "closes_ms": lambda item: _ms(item.valid_until, NEVER_MS),
    "apply_until_ms": lambda item: _ms(item.apply_until, NEVER_MS),
    "published_ms": lambda item: _ms(item.published_at, EVER_MS),
    "hashes": lambda item: hash_of(item.item_id),
}  # fmt: skip


def _placed(old: NDArray[Any], at: NDArray[np.int64], values: list[Any], n: int) -> NDArray[Any]:
    column = np.zeros(n, old.dtype)
    column[: len(old)] = old
    column[at] = np.array(values, old.dtype)
    column.setflags(write=False)
    return column


def _inverted(tags: Sequence[tuple[int, ...]], places: NDArray[np.int64], n_tags: int) -> tuple[NDArray[np.int64], ...]:
    sizes = np.fromiter(map(len, tags), np.int64, len(tags))
    flat = np.fromiter(chain.from_iterable(tags), np.int64, int(sizes.sum()))
    rows = np.repeat(np.arange(len(tags)), sizes)
    order = np.lexsort((places[rows], flat))
    ends = np.cumsum(np.bincount(flat, minlength=n_tags))
    return tuple(np.split(rows[order], ends[:-1])) if n_tags else ()


def _names_of(item: Item) -> tuple[str, ...]:
    return tuple(name for name in (item.title, normal_number(item.document_no)) if name)


def _linked_from(
    items: Iterable[Item], known: Mapping[str, tuple[tuple[Rel, str], ...]]
) -> Mapping[str, tuple[tuple[Rel, str], ...]]:
    links_to: dict[str, list[tuple[Rel, str]]] = {}
    for item in items:
        for link in item.links:
            links_to.setdefault(link.item_id, []).append((link.rel, item.item_id))
    more = {item_id: (*known.get(item_id, ()), *links) for item_id, links in links_to.items()}
    return {**known, **more} if more else known


def mentions(text: str, named: Mapping[str, int]) -> list[int]:
    """Return the rows that a text names, in order: by a title in 《》, or by a document number.

    Chinese has no spaces, so what stands before a number may belong to the sentence: the longest known number wins.

    Examples
    --------
    >>> named = {"府发〔2026〕21号": 4, "云府发〔2026〕21号": 5, "云澜市办法": 7}
    >>> mentions("解读云府发〔2026〕21号（《云澜市办法》）", named)
    [5, 7]
    """
    return _rows_called(_names_in(text), named)


def _rows_called(names: Iterable[str], named: Mapping[str, int]) -> list[int]:
    rows: dict[int, None] = {}
    for name in names:
        spellings = [name[1:-1]] if name[0] == "《" else [name[start:] for start in range(name.find("〔"))]
        row = next((named[spelling] for spelling in spellings if spelling in named), None)
        if row is not None:
            rows[row] = None
    return list(rows)


def _names_in(text: str) -> Iterator[str]:
    """Find titles, in 《》, and document numbers in their one writing."""
    for one in references(text):
        yield f"《{one}》" if isinstance(one, str) else one.normal


def shelved(item: Item) -> Item:
    """Return the item as lists need it: of its text, only what the beginning names of other documents.

    Texts are nine tenths of a catalogue; pages read them from the registry.

    Examples
    --------
    >>> shelved(Item(item_id="i", item_type="news", title="t", body_text="为落实《云澜市办法》，现……")).body_text
    '《云澜市办法》'
    """
    if not item.body_text:
        return item
    return msgspec.structs.replace(item, body_text=" ".join(dict.fromkeys(_names_in(item.body_text[:MAX_TEXT]))))


def _mentioned_in(mentioned_names: Mapping[int, Sequence[str]], named: Mapping[str, int]) -> dict[int, tuple[int, ...]]:
    by_row: dict[int, list[int]] = {}
    for row in sorted(mentioned_names):
        for other in _rows_called(mentioned_names[row], named):
            by_row.setdefault(other, []).append(row)
    return {row: tuple(rows) for row, rows in by_row.items()}


def _fragment(item: Item) -> bytes:
    fields = {
        "item_id": item.item_id,
        "item_type": item.item_type,
        "title": item.title,
        "url": item.url,
        "published_at": rfc3339(item.published_at) if item.published_at else None,
    }
    return re.sub(rb"^\{|\}$", b"", _encode(fields))
