"""What a log must lead to, worked out in the plainest way from its events: no shards, no blocks, no increments."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from civicrec.events import INTEREST_WEIGHTS, Event
from tests.streaming.world import ITEM_TYPES

HOUR_MS = 3_600_000


def at_ms(event: Event) -> int:
    return (event.occurred_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def is_turn(event: Event) -> bool:
    return event.kind in INTEREST_WEIGHTS and not event.bot_reason and event.item_id in ITEM_TYPES


def recent(events: Sequence[Event], actor: str) -> list[tuple[str, int]]:
    times: dict[str, int] = {}
    for event in events:
        if is_turn(event) and event.consent == "personalise" and event.actor == actor:
            times[event.item_id] = max(at_ms(event), times.get(event.item_id, 0))
    return sorted(times.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)[:50]


def trends(batches: Sequence[Sequence[Event]]) -> dict[int, dict[str, float]]:
    """Strongest interest of each actor in each item and hour, summed over actors; how it was batched is no matter."""
    shown: dict[tuple[str, str, int], set[float]] = defaultdict(set)
    for event in filter(is_turn, chain.from_iterable(batches)):
        shown[event.actor, event.item_id, at_ms(event) // HOUR_MS].add(INTEREST_WEIGHTS[event.kind])
    total: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (_, item, hour), weights in shown.items():
        total[hour][item] += max(weights)
    return {hour: dict(weights) for hour, weights in total.items()}


def co_clicks(events: Sequence[Event]) -> dict[str, dict[str, float]]:
    """Pairs of one actor within a day, for events in order of time: each item with the five before it."""
    total: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    mine = [event for event in events if is_turn(event) and event.consent == "personalise"]
    for index, event in enumerate(mine):
        now = at_ms(event)
        before = [other for other in mine[:index] if other.actor == event.actor]
        within = [other for other in before if now - at_ms(other) <= 24 * HOUR_MS]
        if any(other.item_id == event.item_id for other in within):
            continue
        newest_first = list(dict.fromkeys(other.item_id for other in reversed(within)))
        for other_id in newest_first[:5]:
            weight = 2 ** ((now - 1_767_225_600_000) / (7 * 24 * HOUR_MS))
            total[event.item_id][other_id] += weight
            total[other_id][event.item_id] += weight
    return {item: dict(others) for item, others in total.items()}


def row(event: Event) -> dict[str, Any]:
    """Some columns of the event's row, as read from its JSON names."""
    return {
        "event_id": event.event_id, "kind": event.kind, "occurred_at": at_ms(event), "actor": event.actor,
        "item_id": event.item_id, "item_known": int(event.item_id in ITEM_TYPES), "consent": event.consent,
    }  # fmt: skip
