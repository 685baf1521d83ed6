"""Tags: the closed, governed words that say what an item is about and what an actor cares for.

In: an item. Out: its tag names, each ``<dimension>:<word>``, for example ``theme:就业创业``.
A search word or any other free text never becomes a tag (算法推荐管理规定 Art. 10); which words exist, who owns
them and how sensitive they are is the vocabulary of `profiles`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, cast, get_args

import msgspec

from civicrec.items import Item

Dimension = Literal["theme", "life_event", "audience", "group", "industry", "scale"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

_FIELD: dict[Dimension, str] = {
    "theme": "theme", "life_event": "life_events", "audience": "audiences", "group": "person_groups",
    "industry": "industries", "scale": "enterprise_scales",
}  # fmt: skip


def tag_name(dimension: Dimension, word: str) -> str:
    """Return the full name of a tag."""
    return f"{dimension}:{word}"


def split_tag(tag: str) -> tuple[str, str]:
    """Return (dimension, word) of a tag name.

    Examples
    --------
    >>> split_tag("life_event:退休")
    ('life_event', '退休')
    """
    dimension, _, word = tag.partition(":")
    return dimension, word


def item_tags(item: Item) -> tuple[str, ...]:
    """Return the item's tags in a stable order, without repeats."""
    names = (tag_name(dimension, word) for dimension, name in _FIELD.items() for word in getattr(item, name))
    return tuple(dict.fromkeys(names))


def with_tags(item: Item, names: Iterable[str]) -> Item:
    """Return the item with further tags after its own; one it has already is not repeated.

    Examples
    --------
    >>> with_tags(Item(item_id="i", item_type="guide", title="指南"), ["theme:就业创业"]).theme
    ('就业创业',)
    """
    return _with_words(item, names, lambda own, word: own if word in own else (*own, word))


def without_tags(item: Item, names: Iterable[str]) -> Item:
    """Return the item without these tags."""
    return _with_words(item, names, lambda own, word: tuple(one for one in own if one != word))


def _with_words(item: Item, names: Iterable[str], change: Callable[[tuple[str, ...], str], tuple[str, ...]]) -> Item:
    fields: dict[str, tuple[str, ...]] = {}
    for dimension, word in map(split_tag, names):
        field = _FIELD[cast("Dimension", dimension)]
        fields[field] = change(fields.get(field, getattr(item, field)), word)
    changed = {field: words for field, words in fields.items() if words != getattr(item, field)}
    return msgspec.structs.replace(item, **changed) if changed else item
