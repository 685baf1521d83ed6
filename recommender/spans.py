"""Values that stay right for a while: what depends on the time only where something begins or ends.

In: the times at which it changes. Out: the value, worked out again when one of them has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from recommender.catalogue import EVER_MS, NEVER_MS

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Span(Generic[V]):
    """A value and the time over which it stays right: from `since_ms` until `until_ms`, epoch ms, the end excluded."""

    value: V
    since_ms: int
    until_ms: int

    @classmethod
    def between(cls, value: V, times: Iterable[ArrayLike], now_ms: int) -> Span[V]:
        """Return a value that is right now and changes at none but these times, epoch ms."""
        since_ms, until_ms = EVER_MS, NEVER_MS
        for at in (np.asarray(one, np.int64) for one in times):
            since_ms = max(since_ms, int(at.max(initial=EVER_MS, where=at <= now_ms)))
            until_ms = min(until_ms, int(at.min(initial=NEVER_MS, where=at > now_ms)))
        return cls(value, since_ms, until_ms)


def value_at(kept: dict[K, Span[V]], key: K, now_ms: int, make: Callable[[], Span[V]]) -> V:
    """Return what is right now of a key, made again where what is kept of it is of another time."""
    span = kept.get(key)
    if span is None or not span.since_ms <= now_ms < span.until_ms:
        span = kept[key] = make()
    return span.value
