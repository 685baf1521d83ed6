"""Feedback that acts at once: a dislike goes into the online store now, and through the collector's door for good.

In: an actor and an item. Out: whether it acts already, and whether it is recorded.
"""

from __future__ import annotations

import zlib
from datetime import datetime
from uuid import uuid4

import httpx

from civicrec.clients import async_http_client
from civicrec.clock import rfc3339
from civicrec.eventlog.fences import Lane, Mark
from civicrec.settings import Settings
from profiles.store import OnlineStore, OnlineUpdate

#: Name under which dislikes enter the online store besides the event log.
_LOG = "feedback"
#: Fences of feedback; bounded, and enough that two actors rarely share one.
_LANES = 256
_TRIES = 3
_COLLECTOR_TIMEOUT_S = 1.0


def dislike_now(store: OnlineStore, actor: str, item_id: str, now: datetime) -> bool:
    """Make the item disappear from the actor's lists; return whether the store took it.

    The fence of the lane is the time in microseconds: of two dislikes at one instant the second takes the next.

    Raises
    ------
    Unavailable
        If the store is down.
    """
    number, at = zlib.crc32(actor.encode()) % _LANES, int(now.timestamp() * 1_000_000)
    update, lane = OnlineUpdate(disliked={actor: [item_id]}), Lane(_LANES, number)
    return any(store.apply(Mark(_LOG, now_us - 1, now_us, lane), update) for now_us in range(at, at + _TRIES))


async def record(settings: Settings, event: dict[str, str], token: str, now: datetime) -> bool:
    """Send the event to the collector; return whether it is durable there."""
    host = settings.collector.host.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # where to call, not where to listen
    body = {
        "sent_at": rfc3339(now),
        "events": [{"event_id": str(uuid4()), "occurred_at": rfc3339(now), "consent": "personalise", **event}],
    } | ({"subject_token": token} if token else {})
    try:
        async with async_http_client(timeout=_COLLECTOR_TIMEOUT_S, verify=False) as client:
            answer = await client.post(f"http://{host}:{settings.collector.port}/v1/events", json=body)
        return bool(answer.status_code == 200 and answer.json()["accepted"] == 1)
    except (httpx.HTTPError, ValueError, KeyError):
        return False
