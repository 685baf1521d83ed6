"""What the collector knows of Kafka: whether an answer should wait for it, and how far behind the log it is.

In: the forwarder's progress, and the offsets the log has reached. Out: answers that wait for Kafka as long as it keeps
up, and a reason for degraded while it does not. Lives on the collector's event loop.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from civicrec.clock import monotonic_s
from collectors.forwarding.forwarder import ForwardingState

#: Longer than a transaction ever takes on a healthy cluster, shorter than an operator's patience.
_BEHIND_S = 5.0


class Acknowledged:
    """Follows Kafka behind the log.

    Parameters
    ----------
    waits
        Whether answers wait for Kafka (``collector.ack = kafka``).
    timeout_s
        The longest wait of one answer.
    accepted, events
        Events ever accepted by the log, and those of them forwarded, as far as is known now.
    wake
        Called when the log has grown.

    Attributes
    ----------
    forwarded, faults
        Events forwarded and times forwarding broke off, since this process started.
    """

    def __init__(self, *, waits: bool, timeout_s: float, accepted: int, events: int, wake: Callable[[], None]) -> None:
        self.forwarded = 0
        self.faults = 0
        self._waits = waits
        self._timeout_s = timeout_s
        self._wake = wake
        self._accepted = accepted
        self._head = 0
        self._offset = 0
        self._events = events
        self._fault = "Kafka has not been reached yet"
        self._is_catching_up = True
        self._behind_since: float | None = None
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()

    def kept(self, offset: int, n_events: int) -> None:
        """Note that the log has grown by some events, up to an offset."""
        self._accepted += n_events
        self._head = offset
        if self._behind_since is None:
            self._behind_since = monotonic_s()
        self._wake()

    async def confirmed(self, offset: int) -> None:
        """Return once Kafka has the log up to `offset`; at once while degraded, and after the timeout at the latest."""
        if not self._waits or self._is_catching_up or offset <= self._offset:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (offset, next(self._number), done))
        try:
            async with asyncio.timeout(self._timeout_s):
                await done
        except TimeoutError:
            self._is_catching_up = True
            self._answer_up_to(None)

    def update(self, state: ForwardingState) -> None:
        """Take the forwarder's news."""
        self._fault = state.fault
        if state.position is None:
            self.faults += 1
            self._is_catching_up = True
            self._answer_up_to(None)
            return
        position = state.position
        self.forwarded += max(0, position.events - self._events)  # a new generation begins at 0 again
        self._events = position.events
        self._offset = position.offset
        if state.is_caught_up:
            self._is_catching_up = False
            self._behind_since = monotonic_s() if self._offset < self._head else None
        self._answer_up_to(position.offset)

    @property
    def unforwarded(self) -> int:
        """Events in the log that Kafka has not acknowledged, as far as this process knows."""
        return max(0, self._accepted - self._events)

    @property
    def degraded(self) -> str:
        """Why Kafka is not keeping up; empty if it is."""
        behind_s = 0.0 if self._behind_since is None else monotonic_s() - self._behind_since
        if self._fault:
            reason = self._fault
        elif self._is_catching_up or behind_s > _BEHIND_S:
            reason = f"Kafka has been behind for {behind_s:.0f} s"
        else:
            return ""
        return f"{reason}; {self.unforwarded} events wait in the log"

    def _answer_up_to(self, offset: int | None) -> None:
        while self._waiting and (offset is None or self._waiting[0][0] <= offset):
            done = heapq.heappop(self._waiting)[2]
            if not done.done():
                done.set_result(None)
