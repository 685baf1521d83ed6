"""When a session began, read out of its id."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from civicrec.clock import from_ms

#: A kiosk or a forgotten tab is not one visit of several days.
MAX_SESSION = timedelta(hours=24)


def began_at(session_id: str) -> datetime | None:
    """Return the time inside a UUIDv7 (RFC 9562), as the tracker makes them; ``None`` for any other id."""
    return _time_in(session_id) if len(session_id) == 36 and session_id[14] == "7" else None


@lru_cache(maxsize=8192)
def _time_in(uuid7: str) -> datetime | None:
    try:
        return from_ms(UUID(uuid7).int >> 80)
    except (ValueError, OverflowError, OSError):
        return None
