"""What is clicked now: hour buckets of the online store become decayed sums at several half-lives.

In: buckets (epoch hour → item → weight), read again and again. Out: `Trends`, rows by falling weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from civicrec.clock import to_ms
from profiles.online.ports import CROWD_HOURS, CrowdReader
from recommender.catalogue import Catalogue
from recommender.derived import Derives

#: Hours of each decayed sum, and its share of an item's weight. The minutes lead where many click; where few do, the
#: hours and the day are left. Shares were chosen on four days of a news log (`civicrec evaluate prequential`), where
#: longer windows add nothing to an order of fixed shares; a learned ranker weighs each sum by itself.
HALF_LIVES = ((0.25, 1.0), (1.0, 0.0), (3.0, 0.1), (12.0, 0.0), (24.0, 0.02))
#: Hours of buckets that are read: what is older weighs a third in the longest sum, and little in all.
TREND_HOURS = 36
#: Rows kept in an order; nobody looks further down.
MAX_TREND_ROWS = 1_000
_HOUR_MS = 3_600_000
_HOURS_MS = np.array([hours * _HOUR_MS for hours, _ in HALF_LIVES])[:, None]
_SHARES = np.array([share for _, share in HALF_LIVES])

#: Rows, each once, and weights of one hour.
PlacedHour = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Trends(Derives):
    """Rows by falling weight: the sum over half-lives of share x log2(1 + clicks left).

    The logarithm lets the tenth item keep a fair part beside the first, and makes weights comparable between a quiet
    portal and a busy one: a single click of this moment weighs 1.12.

    Attributes
    ----------
    sums
        (half-lives, rows) log2(1 + clicks left).
    idle_ms
        Time since the last click that was seen.
    """

    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros((len(HALF_LIVES), 0)))
    idle_ms: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, hours: Mapping[int, Mapping[str, float]], catalogue: Catalogue, now: datetime) -> Trends:
        """Return the trends of buckets seen for the first time; unknown items are left out."""
        windows = TrendWindows()
        windows.take({hour: place_hour(bucket, catalogue) for hour, bucket in hours.items()}, len(catalogue), now)
        return windows.trends()


class TrendWindows:
    """Decayed sums of clicks, kept from one look at the buckets to the next.

    What a bucket gained since the last look happened just now, which tells minutes apart although a bucket is an hour.
    What is in a bucket at the first look counts from the middle of the time it has covered.
    """

    def __init__(self) -> None:
        self._sums = np.zeros((len(HALF_LIVES), 0))
        self._last_ms = np.zeros(0)
        self._seen: dict[int, PlacedHour] = {}
        self._at_ms = 0
        self._crowd: dict[str, int] = {}

    def read(self, store: CrowdReader, n_hours: int, catalogue: Catalogue, now: datetime) -> Trends:
        """Take in the buckets of this hour and those before it, `n_hours` in all; return the trends of now."""
        hour = to_ms(now) // _HOUR_MS
        buckets = store.trends(list(range(hour - n_hours + 1, hour + 1)))
        self.take({at: place_hour(bucket, catalogue) for at, bucket in buckets.items()}, len(catalogue), now)
        self._take_crowd(store.crowded(hour - CROWD_HOURS), catalogue)
        return self.trends(np.fromiter(self._crowd.values(), np.int64, len(self._crowd)))

    def _take_crowd(self, crowd: frozenset[str], catalogue: Catalogue) -> None:
        """Remember the rows of these items; only of new ones the whole catalogue is asked, which costs much more."""
        known, row_of = self._crowd, catalogue.rows.get
        rows = {item_id: known[item_id] if item_id in known else row_of(item_id) for item_id in crowd}
        self._crowd = {item_id: row for item_id, row in rows.items() if row is not None}

    def take(self, buckets: Mapping[int, PlacedHour], n_rows: int, now: datetime) -> None:
        """Add what these buckets hold beyond what was seen of them; a bucket that lost something takes nothing away.

        Parameters
        ----------
        n_rows
            Rows of the catalogue, never fewer than before.
        """
        now_ms = to_ms(now)
        self._sums = np.pad(self._sums, ((0, 0), (0, n_rows - self._sums.shape[1])))
        self._last_ms = np.pad(self._last_ms, (0, n_rows - len(self._last_ms)))
        self._sums *= np.exp2(-max(0, now_ms - self._at_ms) / _HOURS_MS)
        self._at_ms = max(now_ms, self._at_ms)
        this_hour = now_ms // _HOUR_MS
        self._seen = {hour: bucket for hour, bucket in self._seen.items() if hour > this_hour - 2 * TREND_HOURS}
        for hour, bucket in buckets.items():
            is_followed = hour == this_hour and hour in self._seen
            began_ms = hour * _HOUR_MS
            covered_ms = min(max(0, now_ms - began_ms), _HOUR_MS)
            age_ms = 0.0 if is_followed else max(0.0, now_ms - began_ms - covered_ms / 2)
            rows, gained = self._gained(hour, bucket, n_rows)
            self._sums[:, rows] += gained * np.exp2(-age_ms / _HOURS_MS)
            self._last_ms[rows] = np.maximum(self._last_ms[rows], now_ms - age_ms)

    def trends(self, crowded: NDArray[np.int64] | None = None) -> Trends:
        """Return the order of now, of the crowded rows if they are given: of others a trend would tell of a few."""
        rows = np.arange(self._sums.shape[1]) if crowded is None else np.unique(crowded)
        sums = np.log2(1.0 + self._sums[:, rows])
        weights = _SHARES @ sums
        there = weights.nonzero()[0]
        order = there[np.argsort(-weights[there], kind="stable")[:MAX_TREND_ROWS]]
        return Trends(rows[order], weights[order], sums[:, order], self._at_ms - self._last_ms[rows[order]])

    def _gained(self, hour: int, bucket: PlacedHour, n_rows: int) -> PlacedHour:
        """Return what the bucket has beyond the most that was seen of it, which it remembers."""
        rows, weights = bucket
        most = np.zeros(n_rows)
        if hour in self._seen:
            seen_rows, seen_weights = self._seen[hour]
            most[seen_rows] = seen_weights
        gained = weights - most[rows]
        more = gained > 0
        most[rows[more]] = weights[more]
        if more.any() or hour not in self._seen:
            there = most.nonzero()[0]
            self._seen[hour] = there, most[there]
        return rows[more], gained[more]


def place_hour(bucket: Mapping[str, float], catalogue: Catalogue) -> PlacedHour:
    """Put an hour bucket (item → weight) on the rows of a catalogue; unknown items are left out."""
    known = {item_id: row for item_id in bucket if (row := catalogue.rows.get(item_id)) is not None}
    rows = np.fromiter(known.values(), np.int64, len(known))
    return rows, np.fromiter((bucket[item_id] for item_id in known), np.float64, len(known))
