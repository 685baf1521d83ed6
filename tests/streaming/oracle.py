"""What a log must lead to, worked out in the plainest way from its events: no shards, no blocks, no increments."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import chain
from typing import Any

from civicrec.events import INTEREST_WEIGHTS, Event
from civicrec.items import hash_of
from tests.streaming.world import ITEM_TYPES

HOUR_MS = 3_600_000


def at_ms(event: Event) -> int:
    return (event.occurred_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def is_interaction(event: Event) -> bool:
    return event.kind in INTEREST_WEIGHTS and not event.bot_reason and event.item_id in ITEM_TYPES


def recent(events: Sequence[Event], actor: str) -> list[tuple[str, int]]:
    times: dict[str, int] = {}
    for event in events:
        if is_interaction(event) and event.consent == "personalise" and event.actor == actor:
            times[event.item_id] = max(at_ms(event), times.get(event.item_id, 0))
    return sorted(times.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)[:50]


def shown(events: Sequence[Event], actor: str) -> dict[int, tuple[int, ...]]:
    """Hash of each item → the last six different seconds at which it was shown with consent; 120 items at most."""
    times: dict[int, set[int]] = defaultdict(set)
    for event in events:
        is_shown = event.kind == "impression" and not event.bot_reason and event.item_id in ITEM_TYPES
        if is_shown and event.consent == "personalise" and event.actor == actor:
            times[hash_of(event.item_id)].add(at_ms(event) // 1000)
    assert len(times) <= 120
    return {hashed: tuple(sorted(some, reverse=True)[:6]) for hashed, some in times.items()}


def signed_in(events: Sequence[Event], actor: str) -> dict[str, int]:
    """Short hash of each subject with an event from this browser, nothing without consent → time of the last one."""
    times: dict[str, list[int]] = defaultdict(list)
    for event in events:
        if event.subject_id and event.anonymous_id == actor:
            name = blake2b(event.subject_id.encode(), digest_size=4).hexdigest()
            times[name if event.consent == "personalise" else ""].append(at_ms(event))
    assert len(times) <= 5
    return {name: max(some) for name, some in times.items()}


def trends(batches: Sequence[Sequence[Event]]) -> dict[int, dict[str, float]]:
    """Strongest interest of each actor in each item and hour, summed over actors; how it was batched is no matter."""
    shown: dict[tuple[str, str, int], set[float]] = defaultdict(set)
    for event in filter(is_interaction, chain.from_iterable(batches)):
        shown[event.actor, event.item_id, at_ms(event) // HOUR_MS].add(INTEREST_WEIGHTS[event.kind])
    total: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (_, item, hour), weights in shown.items():
        total[hour][item] += max(weights)
    return {hour: dict(weights) for hour, weights in total.items()}


def co_clicks(events: Sequence[Event]) -> dict[str, dict[str, float]]:
    """Pairs of one actor within a day, as events come in: a new item with the last five others, by their latest times.

    An item is new if its latest time is more than a day away. The later of two times gives a pair its weight.
    """
    total: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    latest: dict[str, dict[str, int]] = defaultdict(dict)
    for event in events:
        if not is_interaction(event) or event.consent != "personalise":
            continue
        now, known = at_ms(event), latest[event.actor]
        within = sorted((at, item) for item, at in known.items() if abs(now - at) <= 24 * HOUR_MS)
        if event.item_id not in [item for _, item in within]:
            for at, other in within[-5:]:
                weight = 2 ** ((max(now, at) - 1_767_225_600_000) / (7 * 24 * HOUR_MS))
                total[event.item_id][other] += weight
                total[other][event.item_id] += weight
        known[event.item_id] = max(now, known.get(event.item_id, 0))
    return {item: dict(others) for item, others in total.items()}


def row(event: Event) -> dict[str, Any]:
    """Some columns of the event's row, as read from its JSON names."""
    return {
        "event_id": event.event_id, "kind": event.kind, "occurred_at": at_ms(event), "actor": event.actor,
        "item_id": event.item_id, "item_known": int(event.item_id in ITEM_TYPES), "consent": event.consent,
    }  # fmt: skip
