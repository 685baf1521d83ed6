"""Events for tests, with fixed ids and times unless a test says otherwise."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from civicrec.clock import rfc3339, to_ms
from civicrec.crowds import K_ANONYMITY
from civicrec.events import Event

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def uuid7(at: datetime = NOON, n: int = 0) -> UUID:
    """A UUIDv7 of this time; the same `n` gives the same id."""
    rest = int.from_bytes(hashlib.sha256(str(n).encode()).digest()[:10])
    number = to_ms(at) << 80 | rest
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def an_event(kind: str = "click", item: str = "", n: int = 0, at: datetime = NOON, **fields: Any) -> Event:
    """An event as stored; `n` tells events apart."""
    known: dict[str, Any] = {"site": "demo", "anonymous_id": "visitor-1", "received_at": at + timedelta(seconds=1)}
    return Event(event_id=uuid7(at, n), kind=kind, occurred_at=at, item_id=item, **{**known, **fields})  # type: ignore[arg-type]


def raw_event(kind: str = "click", item: str = "", n: int = 0, at: datetime = NOON, **fields: Any) -> dict[str, Any]:
    """An event as a client sends it; a field given as ``...`` is left out."""
    event = {
        "event_id": str(uuid7(at, n)), "kind": kind, "occurred_at": rfc3339(at), "site": "demo",
        "anonymous_id": "visitor-1", "item_id": item, **fields,
    }  # fmt: skip
    return {name: value for name, value in event.items() if value is not ...}


def a_crowd(weight: float = 1.0) -> dict[str, float]:
    """Just enough actors for what they do to be told, each with this weight."""
    return {f"crowd-{n}": weight for n in range(K_ANONYMITY)}
