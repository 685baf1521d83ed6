"""Writes simulated facts down as events, in the form a tracker would send them (docs/contracts.md §1).

In: who, when, what. Out: dicts ready for JSON. Ids are UUIDv7 made of the event's time and the seeded generator.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np

from civicrec.clock import from_ms, rfc3339, to_ms
from civicrec.items import Item
from operations.demo.catalogue import ITEM_URL

SITE = "demo"
_IDS_AT_ONCE = 4096


class Diary:
    """The events of one simulation, session after session."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._random = b""
        self.events: list[dict[str, Any]] = []
        self._who: dict[str, Any] = {}

    def open_session(self, *, actor: str, consent: str, channel: str) -> None:
        """Start a session; the events that follow are told of this actor."""
        self.events = []
        self._who = {
            "site": SITE, "channel": channel, "anonymous_id": actor, "session_id": self.hex(8), "consent": consent,
        }  # fmt: skip

    def add(self, kind: str, at: datetime, item: Item | None = None, **facts: Any) -> None:
        """Write one event down."""
        at_ms = to_ms(at)
        event = {"event_id": self._uuid7(at_ms), "kind": kind, "occurred_at": rfc3339(from_ms(at_ms)), **self._who}
        if item is not None:
            event["item_id"], event["item_type"] = item.item_id, item.item_type
        event.update(facts)
        self.events.append(event)

    def page_of(self, item: Item, at: datetime) -> None:
        """Write down that the page of an item was opened."""
        page = ITEM_URL.format(item_id=item.item_id)
        self.add("page_view", at + timedelta(milliseconds=300), item, url_path=page, title=item.title[:256])

    def hex(self, n_bytes: int) -> str:
        """Return random bytes as hex digits."""
        if len(self._random) < n_bytes:
            self._random = self._rng.bytes(_IDS_AT_ONCE * 10)
        taken, self._random = self._random[:n_bytes], self._random[n_bytes:]
        return taken.hex()

    def _uuid7(self, at_ms: int) -> str:
        """Return a UUIDv7 (RFC 9562 §5.7): 48 bits of epoch milliseconds, then random bits."""
        random = self.hex(10)
        variant = "89ab"[int(random[3], 16) & 3]
        time = f"{at_ms:012x}"
        return f"{time[:8]}-{time[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"
