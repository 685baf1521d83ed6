"""When a change may be made at all: the conditions of RFC 9110 that keep two editors from overwriting each other.

In: an item as it is, and the headers ``If-Match`` and ``If-None-Match``. Out: nothing, or `Outdated`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

from civicrec.errors import Outdated
from civicrec.items import Item, item_json

#: Proxies that pack an answer mark its tag as weak; the item behind it is the same.
_TAG = re.compile(r'(?:W/)?("[^"]*")')


def etag_of(item: Item) -> str:
    """Return the entity tag of an item: of the same words, the same.

    Examples
    --------
    >>> etag_of(Item(item_id="a", item_type="faq", title="问"))
    '"8d0fd7b1eae0b3d6"'
    """
    return f'"{blake2b(item_json(item), digest_size=8).hexdigest()}"'


def is_named(item: Item, header: str) -> bool:
    """Say whether a header of entity tags names the item as it is; ``*`` names any."""
    return header.strip() == "*" or etag_of(item) in _TAG.findall(header)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a change is conditional on; empty headers ask for nothing."""

    if_match: str = ""
    if_none_match: str = ""

    def check(self, item: Item | None) -> None:
        """Let a change of this item through.

        Raises
        ------
        Outdated
            If the item is not as the caller says; the message holds its entity tag.
        """
        if self.if_match and (item is None or not is_named(item, self.if_match)):
            now = f"it is {etag_of(item)} now; get it and decide again" if item else "there is no such item"
            raise Outdated(f"If-Match: got {self.if_match[:100]}; {now}")
        if self.if_none_match and item is not None and is_named(item, self.if_none_match):
            raise Outdated(f"If-None-Match: got {self.if_none_match[:100]}; the item is there, as {etag_of(item)}")
