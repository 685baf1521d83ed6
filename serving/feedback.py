"""What a visitor says and what acts at once: into the online store now, and through the collector for good.

In: an actor, and what changes of what is known of them. Out: whether it acts already, and whether it is recorded.
"""

from __future__ import annotations

import zlib
from datetime import datetime
from functools import cached_property
from uuid import uuid4

import httpx

from civicrec.accounting.progress import Commit, Partition
from civicrec.clients import http_client
from civicrec.clock import rfc3339
from civicrec.settings import Settings
from profiles.online.ports import OnlineStore, OnlineUpdate

#: Name under which this enters the online store besides the event log.
_LOG = "feedback"
#: Partitions of feedback; bounded, and enough that two actors rarely share one.
_PARTITIONS = 256
_TRIES = 3
_COLLECTOR_TIMEOUT_S = 1.0


def act_now(store: OnlineStore, actor: str, update: OnlineUpdate, now: datetime) -> bool:
    """Change what is known of the actor at once; return whether the store took it.

    The offset is the time in microseconds: of two changes at one instant the second takes the next.

    Raises
    ------
    Unavailable
        If the store is down.
    """
    number, at = zlib.crc32(actor.encode()) % _PARTITIONS, int(now.timestamp() * 1_000_000)
    partition = Partition(_PARTITIONS, number)
    return any(store.apply(Commit(_LOG, now_us - 1, now_us, partition), update) for now_us in range(at, at + _TRIES))


class Recorder:
    """Sends what visitors say to the collector, one client for all of it; for threads."""

    def __init__(self, settings: Settings) -> None:
        self._collector = settings.collector.endpoint

    @cached_property
    def _client(self) -> httpx.Client:
        # Without TLS there is no certificate to check, and reading the authorities takes 20 ms.
        options = {} if self._collector.tls else {"verify": False}
        return http_client(timeout=_COLLECTOR_TIMEOUT_S, **options)

    def record(self, event: dict[str, str], token: str, now: datetime) -> bool:
        """Send an event, which names its consent; return whether it is durable there."""
        body = {
            "sent_at": rfc3339(now),
            "events": [{"event_id": str(uuid4()), "occurred_at": rfc3339(now), **event}],
        } | ({"subject_token": token} if token else {})
        try:
            answer = self._client.post(f"{self._collector.url}/v1/events", json=body)
            return bool(answer.status_code == 200 and answer.json()["accepted"] == 1)
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
