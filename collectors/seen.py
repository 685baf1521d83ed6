"""Which event ids were taken lately, so that a retry is answered as a duplicate and stored once."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec

from civicrec.eventlog.ports import EventLog


class SeenIds:
    """A set of the newest ids, bounded: at least half of `window`, at most all of it.

    Two generations: when the young one holds half the window it becomes the old one, and the old one is forgotten.
    """

    def __init__(self, window: int) -> None:
        self._half = max(1, window // 2)
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __contains__(self, event_id: int) -> bool:
        return event_id in self._young or event_id in self._old

    def add(self, event_id: int) -> None:
        """Remember an id."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()
        self._young.add(event_id)

    def forget(self, event_ids: Iterable[int]) -> None:
        """Take ids back whose events were not kept after all."""
        for event_id in event_ids:
            self._young.discard(event_id)
            self._old.discard(event_id)


class _OnlyId(msgspec.Struct):
    event_id: UUID


_decode_ids = msgspec.json.Decoder(list[_OnlyId]).decode
#: Records read at once while warming: a few MB.
_BLOCK = 1_000


def warm(seen: SeenIds, log: EventLog, window: int) -> int:
    """Remember the ids at the tail of the log, about `window` of them; return how many.

    Without this, a retry that meets a restarted collector would be stored twice.
    """
    newest_first: list[list[int]] = []
    n_ids, until = 0, log.head()
    while until > 0 and n_ids < window:
        block: list[int] = []
        for record in log.read(until - _BLOCK, until):
            block.extend(part.event_id.int for part in _decode_ids(record.record.value))
        newest_first.append(block)
        n_ids += len(block)
        until -= _BLOCK
    for block in reversed(newest_first):
        for event_id in block:
            seen.add(event_id)
    return n_ids
