"""Short hashes that stand for actors where many are counted: who it was cannot be read from them."""

from __future__ import annotations

from hashlib import blake2b


def digest_of(actor: str) -> str:
    """Return what tells an actor from others among the few of a pair."""
    return blake2b(actor.encode(), digest_size=4).hexdigest()


def pair_of(actor: str, item_id: str) -> str:
    """Return what stands for an actor and an item in an hour's count."""
    return blake2b(f"{actor} {item_id}".encode(), digest_size=8).hexdigest()
