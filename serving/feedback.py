"""What a visitor says, through the collector for good; `profiles.online.ports.OnlineRights` makes it act at once.

In: an event. Out: whether it is recorded.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from uuid import uuid4

import httpx

from civicrec.clients import http_client
from civicrec.clock import rfc3339
from civicrec.settings import Settings

_COLLECTOR_TIMEOUT_S = 1.0
#: What a request that is recorded is charged for besides itself: measured, it takes as long as so many lists.
LISTS_OF_FEEDBACK = 5


class Recorder:
    """Sends what visitors say to the collector, one client for all of it; for threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.collector

    @cached_property
    def _client(self) -> httpx.Client:
        # Without TLS there is no certificate to check, and reading the authorities takes 20 ms.
        options = {} if self._settings.endpoint.tls else {"verify": False}
        return http_client(timeout=_COLLECTOR_TIMEOUT_S, **options)

    def record(self, event: dict[str, str], token: str, now: datetime) -> bool:
        """Send an event, which names its consent; return whether it is durable there."""
        body = {
            "sent_at": rfc3339(now),
            "events": [{"event_id": str(uuid4()), "occurred_at": rfc3339(now), **event}],
        } | ({"subject_token": token} if token else {})
        try:
            collector = self._settings.endpoint
            answer = self._client.post(f"{collector.url}/v1/events", json=body, headers=collector.headers)
            return bool(answer.status_code == 200 and answer.json()["accepted"] == 1)
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
