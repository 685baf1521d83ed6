"""Visitors that are none: crawlers that open page after page, and one click farm that lifts one item.

In: items and a time. Out: their sessions, as lists of events.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from civicrec.clock import rfc3339
from civicrec.items import Item
from operations.demo.diary import Diary

_PAGES = 200  # pages of one crawl, one a second: no person reads like that
_FARM_CLICKS = 300  # clicks of the farm on one item, two a second


def robot_sessions(
    items: Sequence[Item], n: int, days: int, now: datetime, rng: np.random.Generator
) -> list[list[dict[str, Any]]]:
    """Return one session a robot; the last robot is the click farm. Their actors start with ``robot``."""
    there = [item for item in items if item.published_at and item.published_at < now - timedelta(days=days)]
    sessions: list[list[dict[str, Any]]] = []
    for number in range(n if there else 0):
        diary = Diary(rng)
        diary.open_session(actor=f"robot{number}-{diary.hex(6)}", consent="measure", channel="web")
        start = now - timedelta(hours=float(rng.uniform(2, 24 * days)))
        if number == n - 1:
            for click in range(_FARM_CLICKS):
                diary.add("click", start + timedelta(seconds=click / 2), there[0], scene="hot", slot="list", position=0)
        else:
            for page in range(_PAGES):
                diary.page_of(there[page % len(there)], start + timedelta(seconds=page))
        sessions.append([event for event in diary.events if event["occurred_at"] <= rfc3339(now)])
    return sessions
