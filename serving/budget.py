"""The time budget: how long a list may wait for the online store before it is made without it.

In: a read of the store. Out: its answer, or ``None`` when the store was slow or down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable
from civicrec.logs import get_logger

_log = get_logger(__name__)
T = TypeVar("T")

#: After a failure the store is left alone for so long: waiting for it again and again would make every list slow.
PAUSE_S = 1.0


class StoreBudget:
    """Waits for reads and gives up on them in time."""

    def __init__(self, timeout_s: float, clock: Callable[[], float] = monotonic_s) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._closed_until_s = float("-inf")

    async def read(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Return what `ask` returns, or ``None`` if it is not there in time."""
        if self._clock() < self._closed_until_s:
            return None
        loop, half_s = asyncio.get_running_loop(), self._timeout_s / 2
        try:
            async with asyncio.timeout(None) as limit:
                # In two halves, so that a process the machine did not run for a while first looks what has come.
                half = loop.call_later(half_s, lambda: limit.reschedule(loop.time() + half_s))
                try:
                    return await ask()
                finally:
                    half.cancel()
        except (TimeoutError, Unavailable) as error:
            self._closed_until_s = self._clock() + PAUSE_S
            _log.warning("store_read_failed", error=str(error) or f"no answer in {self._timeout_s * 1000:.0f} ms")
            return None
