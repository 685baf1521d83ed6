"""The load of the collector's benchmarks: batches of ten events as the tracker sends them, no two with one id."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from civicrec.clock import from_ms, rfc3339, to_ms, utc_now

EVENTS_PER_REQUEST = 10


def batch_request() -> bytes:
    """One request of ten events with new ids, as the tracker sends them (about 4 kB)."""
    body = msgspec.json.encode({"sent_at": rfc3339(utc_now()), "events": ten_events()})
    return b"POST /v1/events HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def ten_events() -> list[dict[str, Any]]:
    """Return the events of one visitor's batch, made now."""
    at_ms, visitor = to_ms(utc_now()), f"visitor-{secrets.token_hex(16)}"
    now = rfc3339(from_ms(at_ms))
    return [
        {
            "event_id": _uuid7(at_ms), "kind": "impression" if n else "click", "occurred_at": now, "site": "bench",
            "channel": "web", "anonymous_id": visitor, "session_id": visitor, "item_id": f"policy-{n}",
            "item_type": "policy", "scene": "home", "slot": "main", "position": n, "request_id": visitor,
            "url_path": "/zwgk/index.html", "consent": "personalise",
        }
        for n in range(EVENTS_PER_REQUEST)
    ]  # fmt: skip


def _uuid7(at_ms: int) -> str:
    rest = secrets.token_hex(10)
    return f"{at_ms >> 16:08x}-{at_ms & 0xFFFF:04x}-7{rest[:3]}-8{rest[3:6]}-{rest[6:18]}"
