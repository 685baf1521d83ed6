"""What a ranker has to beat: what was clicked most within the last minutes or hours.

In: clicks in time order. Out: lists without what their reader has seen.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from heapq import nlargest

from operations.replay import Click

#: Name → length in minutes.
WINDOWS = {"popular_15min": 15, "popular_1h": 60, "popular_3h": 180, "popular_12h": 720, "popular_24h": 1_440}
_MINUTE_MS = 60_000


class PopularWithin:
    """Counts the clicks of a sliding window."""

    def __init__(self, minutes: int) -> None:
        self._window_ms = minutes * _MINUTE_MS
        self._clicks: deque[Click] = deque()
        self._counts: Counter[str] = Counter()

    def add(self, click: Click) -> None:
        """Count a click."""
        self._clicks.append(click)
        self._counts[click.item_id] += 1

    def list_for(self, seen: Collection[str], at_ms: int, n: int) -> list[str]:
        """Return the most clicked of the window, equals by id."""
        while self._clicks and self._clicks[0].at_ms < at_ms - self._window_ms:
            item_id = self._clicks.popleft().item_id
            self._counts[item_id] -= 1
            if not self._counts[item_id]:
                del self._counts[item_id]
        best = nlargest(n + len(seen), self._counts.items(), key=lambda pair: (pair[1], pair[0]))
        return [item_id for item_id, _ in best if item_id not in seen][:n]
