"""What Redis is asked for lists, and what its answers mean; `redis_store` and `redis_reader` send it, each its way.

In: actors and items. Out: commands, and from their answers (RESP3: scores are numbers) the values of
`profiles.online.ports`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from typing import Any

import msgspec

from profiles.online.ports import (
    MAX_DISLIKED,
    MAX_DONE,
    MAX_RECENT,
    MAX_SHOWINGS,
    MAX_SIGNED_IN,
    ActorState,
    RecentItem,
    Visit,
)
from profiles.online.redis_keys import (
    OFF_KEY,
    disliked_key,
    done_key,
    recent_key,
    seen_key,
    shown_key,
    signed_in_key,
    tags_key,
    withdrawn_key,
)

Command = tuple[str | int, ...]


#: Reads so many times of one item, by the number of bytes.
_TIMES = {4 * n: Struct(f">{n}I").unpack for n in range(1, MAX_SHOWINGS + 1)}
#: Begins the name of a pair that fewer than a crowd made, which no id does.
_FEW = b"\t"


class StoredTags(msgspec.Struct):
    """What stands under `tags_key`: the run that made the tags, and tag → weight, 0 of one that is deleted."""

    run: str
    tags: dict[str, float]


decode_tags = msgspec.json.Decoder(StoredTags).decode


def actor_commands(actor: str) -> list[Command]:
    """Return what asks for all that is known of an actor."""
    return [
        largest(recent_key(actor), MAX_RECENT),
        ("GET", tags_key(actor)),
        largest(disliked_key(actor), MAX_DISLIKED),
        ("ZRANGE", seen_key(actor), 0, -1),
        largest(done_key(actor), MAX_DONE),
        ("HGETALL", shown_key(actor)),
        largest(signed_in_key(actor), MAX_SIGNED_IN),
        ("SISMEMBER", OFF_KEY, actor),
    ]


def actor_of(answers: Sequence[Any]) -> ActorState:
    """Read the answers to `actor_commands`."""
    recent, stored, disliked, seen, done, shown, signed_in, is_off = answers
    tags = decode_tags(stored).tags if stored else {}
    return ActorState(
        recent=tuple(recent_items(recent)),
        tags={name: weight for name, weight in tags.items() if weight > 0},
        disliked={name.decode(): int(at) for name, at in disliked},
        seen=tuple(map(int, seen)),
        done={name.decode(): int(at) for name, at in done},
        shown={int(name): _TIMES[len(times)](times) for name, times in shown.items()},
        signed_in={name.decode(): int(at) for name, at in signed_in},
        is_off=bool(is_off),
        deleted_tags=frozenset(name for name, weight in tags.items() if weight == 0),
    )


def visit_commands(subject: str, browser: str) -> list[Command]:
    """Return what asks for a `Visit`."""
    return [*actor_commands(subject), *actor_commands(browser), ("GET", withdrawn_key(subject))]


def visit_of(answers: Sequence[Any]) -> Visit:
    """Read the answers to `visit_commands`."""
    *states, withdrawn = answers
    half = len(states) // 2
    return Visit(actor_of(states[:half]), actor_of(states[half:]), int(withdrawn or 0))


def pair_commands(key_of: Callable[[str], str], item_ids: Sequence[str], n: int) -> list[Command]:
    """Return what asks for the `n` heaviest pairs of each item under a `co_key` or `next_key`, nothing for none."""
    return [largest(key_of(item_id), n) for item_id in item_ids] if n > 0 else []


def neighbours_of(item_ids: Sequence[str], answers: Sequence[Any]) -> dict[str, list[tuple[str, float]]]:
    """Read the answers to `pair_commands`."""
    return {item_id: _decoded(pairs) for item_id, pairs in zip(item_ids, answers, strict=False) if pairs}


def _decoded(pairs: Sequence[tuple[bytes, float]]) -> list[tuple[str, float]]:
    return [
        (name[1:].decode(), -weight) if name.startswith(_FEW) else (name.decode(), weight) for name, weight in pairs
    ]


def largest(key: str, n: int) -> Command:
    """Return what asks for the `n` largest of a sorted set, with their scores."""
    return ("ZREVRANGE", key, 0, n - 1, "WITHSCORES")


def recent_items(pairs: Iterable[tuple[bytes, float]]) -> list[RecentItem]:
    """Read what `largest` answers for a `recent_key`."""
    return [RecentItem(name.decode(), int(at)) for name, at in pairs]
