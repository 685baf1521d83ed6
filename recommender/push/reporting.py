"""What was sent, told to the collector as events, so that reports count pushes as they count everything else.

In: rows that ended. Out: ``push_sent`` and ``push_delivered`` with ids that never change, so that an event that is told
twice counts once. A collector that is away is told later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

import httpx

from civicrec.clients import http_client
from civicrec.clock import Clock, rfc3339, utc_now
from civicrec.errors import Unavailable
from civicrec.items import Item
from civicrec.registry.campaigns import plans_of
from civicrec.registry.catalogue import Kept
from civicrec.registry.deliveries import Told, mark_reported, unreported
from civicrec.settings import Settings
from recommender.push.people import People

#: Rows of one request; each is two events at most, and a collector takes 500.
_AT_ONCE = 250
_TIMEOUT_S = 30.0
_KINDS: Mapping[str, tuple[str, ...]] = {"sent": ("push_sent",), "delivered": ("push_sent", "push_delivered")}


class Reporter:
    """Tells the collector; for one thread."""

    def __init__(self, people: People, settings: Settings, clock: Clock = utc_now) -> None:
        self._people, self._collector, self._clock = people, settings.collector.endpoint, clock

    @cached_property
    def _client(self) -> httpx.Client:
        options = {} if self._collector.tls else {"verify": False}
        return http_client(timeout=_TIMEOUT_S, **options)

    def step(self) -> int:
        """Tell of the next rows; return how many they were.

        Raises
        ------
        Unavailable
            If the collector does not take them now; they are told again.
        """
        rows = unreported(self._people.registry, _AT_ONCE)
        if not rows:
            return 0
        plans, items = self._about(rows)
        self._send([event for row in rows for event in self._events(row, plans, items)])
        mark_reported(self._people.registry, [row.key for row in rows])
        return len(rows)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _about(self, rows: Sequence[Told]) -> tuple[dict[tuple[str, int], Any], dict[str, Item]]:
        plans = plans_of(self._people.registry, {(row.campaign_id, row.version) for row in rows})
        return plans, Kept(self._people.registry).named({plan["items"][0] for plan in plans.values()})

    def _events(
        self, row: Told, plans: Mapping[tuple[str, int], Any], items: Mapping[str, Item]
    ) -> Iterator[dict[str, Any]]:
        plan = plans.get((row.campaign_id, row.version))
        if plan is None:  # a campaign of a registry that was restored from before it
            return
        item = items.get(plan["items"][0])
        about = {"item_id": item.item_id, "item_type": item.item_type} if item else {}
        token = self._people.keys.sign_own(plan["site"], row.subject, self._clock())
        for kind in _KINDS[row.state]:
            yield {
                "event_id": str(_id_of(row.key, kind)), "kind": kind, "occurred_at": rfc3339(row.at),
                "site": plan["site"], "channel": "server", "campaign_id": row.campaign_id, "slot": row.channel,
                "consent": "personalise", "subject_token": token, **about,
            }  # fmt: skip

    def _send(self, events: Sequence[dict[str, Any]]) -> None:
        if not events:
            return
        body = {"sent_at": rfc3339(self._clock()), "events": events}
        try:
            answer = self._client.post(f"{self._collector.url}/v1/events", json=body, headers=self._collector.headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"the collector does not answer ({error or type(error).__name__}); told later") from None
        # What a collector refuses of a batch it takes, such as events of who was erased, is refused for good.
        if answer.status_code != httpx.codes.OK:
            raise Unavailable(f"the collector answers {answer.status_code} to events of pushes; they are told later")


def _id_of(key: str, kind: str) -> UUID:
    return UUID(bytes=hashlib.sha256(f"{key}:{kind}".encode()).digest()[:16], version=4)
