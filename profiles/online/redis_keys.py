"""The names of every key the online store has in Redis, each built in one function."""

from __future__ import annotations

#: First words of the keys that `RedisOnlineUpkeep.clear` removes. Besides there are ``recovered`` and ``shed``. The key
#: of a log's progress is built in `civicrec.accounting.progress`; until 0.1 it was
#: ``fence:``, and `COMPLETE_KEY` ``whole:``.
CLEARED = (
    "recent", "seen", "disliked", "done", "shown", "signed_in", "trend", "counted", "co", "few", "next",
    "few_next", "crowd", "tags", "withdrawn", "held", "progress", "logs",
    "complete", "whole", "fence",
)  # fmt: skip

#: There while the store holds all it should: a wipe takes it away with the rest. The number is that of the form of what
#: is kept: a store of another form is incomplete, so the stream rebuilds it.
COMPLETE_KEY = "complete:14"


def recent_key(actor: str) -> str:
    """Name the sorted set item → epoch ms of the latest interaction to it."""
    return f"recent:{actor}"


def seen_key(actor: str) -> str:
    """Name the sorted set `civicrec.items.hash_of` an item → epoch ms of the latest interaction with it."""
    return f"seen:{actor}"


def disliked_key(actor: str) -> str:
    """Name the sorted set item → epoch ms at which the actor refused it."""
    return f"disliked:{actor}"


def done_key(actor: str) -> str:
    """Name the sorted set service → epoch ms at which the actor completed it."""
    return f"done:{actor}"


def shown_key(actor: str) -> str:
    """Name the hash `civicrec.items.hash_of` an item → its latest showings, 4 bytes each, the latest first."""
    return f"shown:{actor}"


def signed_in_key(actor: str) -> str:
    """Name the sorted set short hash of a subject → epoch ms of its latest event from this actor's browser."""
    return f"signed_in:{actor}"


def trend_key(hour: int) -> str:
    """Name the sorted set item → weight in this epoch hour."""
    return f"trend:{hour}"


def counted_key(hour: int) -> str:
    """Name the hash digest of actor and item → the weight that this pair has in the hour's trend."""
    return f"counted:{hour}"


def co_key(item_id: str) -> str:
    """Name the sorted set neighbour → forward-decayed weight; a tab begins the name of one that few actors made."""
    return f"co:{item_id}"


def recovered_key(log: str) -> str:
    """Name the set of the dead letters of a log that count as stored now."""
    return f"recovered:{log}"


def tags_key(actor: str) -> str:
    """Name the JSON text with the run that made the tags, and tag → weight, 0 of one that is deleted."""
    return f"tags:{actor}"


#: Sorted sets of all that is held of a kind, least worth keeping first: actors, items with neighbours, hours.
HELD_ACTORS, HELD_CO, HELD_HOURS = "held:actors", "held:co", "held:hours"
#: Hash: kind → how many were shed since the server had no such key.
SHED_KEY = "shed:"
#: Sorted set item → epoch hour in which it was last seen that a crowd interacted with it.
CROWD_KEY = "crowd:"
#: Hash item → the epoch hour of the first and the actors' short hashes, of those that few actors interacted with.
FEW_TRENDS_KEY = "few:"


def few_key(item_id: str) -> str:
    """Name the hash neighbour → weight and the actors' short hashes, of the pairs that few actors made."""
    return f"few:{item_id}"


def next_key(item_id: str) -> str:
    """Name the sorted set next item → forward-decayed weight; a tab begins the name of one that few actors made."""
    return f"next:{item_id}"


def few_next_key(item_id: str) -> str:
    """Name the hash next item → weight and the actors' short hashes, of the pairs that few actors made."""
    return f"few_next:{item_id}"


#: Set of the actors who switched personalisation off. The registry bounds it, and it is in no other's place: what goes
#: with it, or is shed, would make lists personal again.
OFF_KEY = "off:"


def withdrawn_key(actor: str) -> str:
    """Name the epoch ms at which the actor withdrew consent."""
    return f"withdrawn:{actor}"
