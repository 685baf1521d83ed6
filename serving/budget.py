"""The time budget: how long a list may wait for the online store before it is made without it.

In: a read of the store. Out: its answer, or ``None`` when the store was slow or down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeVar

from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable
from civicrec.logs import get_logger

_log = get_logger(__name__)
T = TypeVar("T")

#: After a failure the store is left alone for so long: waiting for it again and again would make every list slow.
PAUSE_S = 1.0
#: Reads that may wait at once; more than a process answers at a time.
_THREADS = 16


class StoreBudget:
    """Runs reads in threads and gives up on them in time. Safe to use from several threads."""

    def __init__(self, timeout_s: float, clock: Callable[[], float] = monotonic_s) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")
        self._closed_until_s = float("-inf")

    async def read(self, ask: Callable[[], T]) -> T | None:
        """Return what `ask` returns, or ``None`` if it is not there in time."""
        future = self._begin(ask)
        if future is None:
            return None
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._timeout_s)
        except (TimeoutError, Unavailable) as error:
            self._failed(error)
            return None

    def read_now(self, ask: Callable[[], T]) -> T | None:
        """Do the same for callers outside the event loop."""
        future = self._begin(ask)
        if future is None:
            return None
        try:
            return future.result(self._timeout_s)
        except (FutureTimeoutError, Unavailable) as error:
            self._failed(error)
            return None

    def close(self) -> None:
        """Let go of the threads; reads that hang are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, ask: Callable[[], T]) -> Future[T] | None:
        return self._pool.submit(ask) if self._clock() >= self._closed_until_s else None

    def _failed(self, error: Exception) -> None:
        self._closed_until_s = self._clock() + PAUSE_S
        _log.warning("store_read_failed", error=str(error) or f"no answer in {self._timeout_s * 1000:.0f} ms")
