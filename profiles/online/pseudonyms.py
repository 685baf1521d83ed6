"""Short hashes: of actors where many are counted, so that nobody can tell who it was, and of items that were seen."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from civicrec.items import hash_of
from profiles.online.ports import RecentItem


def digest_of(actor: str) -> str:
    """Return what tells an actor from others among the few of a pair."""
    return blake2b(actor.encode(), digest_size=4).hexdigest()


def pair_of(actor: str, item_id: str) -> str:
    """Return what stands for an actor and an item in an hour's count."""
    return blake2b(f"{actor} {item_id}".encode(), digest_size=8).hexdigest()


def hashes_of(items: Iterable[RecentItem]) -> dict[int, int]:
    """Return the hash of each item → the newest time of it."""
    at: dict[int, int] = {}
    for item in items:
        hashed = hash_of(item.item_id)
        at[hashed] = max(item.at_ms, at.get(hashed, item.at_ms))
    return at
