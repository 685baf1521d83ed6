"""Carries the demo into a running stack: the catalogue into the registry, the events through the collector.

In: settings, a time, simulated events. Out: counts of what the registry and the collector took.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import msgspec

from civicrec.clients import http_client
from civicrec.clock import rfc3339, utc_now
from civicrec.errors import InvalidInput, Unavailable
from civicrec.events import MAX_BATCH_EVENTS
from civicrec.process.retry import Retry
from civicrec.registry.catalogue import Upserted, upsert_items
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings
from operations.demo.catalogue import demo_items

_BATCH_EVENTS = 300  # large enough that the request is not the cost, small enough to fill several connections
_CONNECTIONS = 4  # the collector commits in groups: several share an fsync, more than this gains nothing
_TRIES = 30
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Posted:
    """What the collector answered, summed over all batches."""

    accepted: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Posted) -> Posted:
        """Return the sum of both."""
        return Posted(
            self.accepted + other.accepted, self.duplicates + other.duplicates, self.rejected + other.rejected
        )


def import_demo(settings: Settings, now: datetime) -> Upserted:
    """Put the demo catalogue into the registry."""
    with registry_at(settings.registry_address) as registry:
        return upsert_items(registry, demo_items(now))


def post_events(
    collector_url: str, events: Iterable[dict[str, Any]], progress: Callable[[int], object] = lambda _: None
) -> Posted:
    """Post events to a collector, over several connections; a batch that is refused for now is sent again.

    Parameters
    ----------
    collector_url
        For example ``http://127.0.0.1:8701``.
    events
        In the form of docs/contracts.md §1; a session's events, where they stand together, go in one batch.
    progress
        Called with the number of events of each batch that was answered.

    Raises
    ------
    Unavailable
        If the collector stays away or keeps refusing.
    InvalidInput
        If it refuses a batch as a whole; sending it again would not help.
    """
    total = Posted()
    waiting: dict[Future[Posted], int] = {}
    with http_client(base_url=collector_url, timeout=30) as client, ThreadPoolExecutor(_CONNECTIONS) as pool:
        try:
            for batch in _batches(events):
                waiting[pool.submit(_post, client, batch)] = len(batch)
                if len(waiting) >= 2 * _CONNECTIONS:  # never hold more than a few batches in memory
                    total += _collect(waiting, progress)
            while waiting:
                total += _collect(waiting, progress)
        finally:
            pool.shutdown(cancel_futures=True)
    return total


def _batches(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cut the events into batches, between two sessions where that is possible."""
    batch: list[dict[str, Any]] = []
    for event in events:
        is_new_session = bool(batch) and event.get("session_id") != batch[-1].get("session_id")
        if len(batch) >= MAX_BATCH_EVENTS or (len(batch) >= _BATCH_EVENTS and is_new_session):
            yield batch
            batch = []
        batch.append(event)
    if batch:
        yield batch


def _collect(waiting: dict[Future[Posted], int], progress: Callable[[int], object]) -> Posted:
    total = Posted()
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        total += future.result()
        progress(waiting.pop(future))
    return total


def _post(client: httpx.Client, batch: list[dict[str, Any]]) -> Posted:
    trouble = ""
    retry = Retry(_FIRST_WAIT_S, _LONGEST_WAIT_S)
    for _ in range(_TRIES):
        body = msgspec.json.encode({"sent_at": rfc3339(utc_now()), "events": batch})
        retry_after_s = None
        try:
            answer = client.post("/v1/events", content=body, headers={"content-type": "application/json"})
        except httpx.TransportError as error:
            trouble = str(error) or type(error).__name__
        else:
            if answer.is_success:
                taken = answer.json()
                reasons = Counter(str(refusal["reason"]) for refusal in taken["rejected"])
                return Posted(taken["accepted"], taken["duplicates"], reasons)
            trouble = f"{answer.status_code} {answer.text[:200]}"
            if answer.status_code not in (429, 502, 503, 504):
                raise InvalidInput(f"the collector refuses a batch of {len(batch)} events: {trouble}")
            if (header := answer.headers.get("retry-after", "")).isdecimal():
                retry_after_s = min(_LONGEST_WAIT_S, float(header))
        retry.wait(retry_after_s)
    raise Unavailable(f"the collector at {client.base_url} did not take a batch in {_TRIES} tries: {trouble}")
