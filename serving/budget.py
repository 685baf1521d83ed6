"""The time budget: how long a list may wait for the online store before it is made without it.

In: a read of the store. Out: its answer, or ``None`` when the store was slow or down. While it is, no list waits: one
read at a time goes out beside the lists, and once one is answered in time they read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable
from civicrec.logs import get_logger

_log = get_logger(__name__)
T = TypeVar("T")
#: Why a read failed: no answer in time, or none at all.
Failure = Literal["late", "away"]

#: So many late answers in a row leave the store alone: one happens on a busy machine.
_MAX_LATE = 2
#: How long after a failure the store is asked again.
PAUSE_S = 0.25
#: Turns of the event loop that a late answer is given at least: one that came while the process was busy with lists,
#: or was not run by the machine, is looked at before it is given up. Two questions one after the other take four turns.
_TURNS = 6


class StoreBudget:
    """Waits for reads and gives up on them in time.

    Parameters
    ----------
    failed
        Called with why, each time that the store does not answer.

    Attributes
    ----------
    failure
        Why the store is left alone; empty while it is read.
    """

    def __init__(
        self,
        timeout_s: float,
        clock: Callable[[], float] = monotonic_s,
        failed: Callable[[Failure], None] = lambda _: None,
    ) -> None:
        self.failure: Failure | Literal[""] = ""
        self._timeout_s = timeout_s
        self._clock = clock
        self._failed = failed
        self._n_late = 0
        self._next_try_s = float("-inf")
        self._trial: asyncio.Task[object] | None = None

    @property
    def timeout_s(self) -> float:
        """How long a read may take, seconds."""
        return self._timeout_s

    async def read(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Return what `ask` returns, or ``None`` if it is not there in time; at once while the store is left alone."""
        if not self.failure:
            return await self._asked(ask)
        if self._may_try():
            self._trial = asyncio.create_task(self._asked(ask))
        return None

    async def act(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Return what `ask`, which changes something, returns; ``None`` if it is not done in time or not tried."""
        return await self._asked(ask) if not self.failure or self._may_try() else None

    def _may_try(self) -> bool:
        return self._clock() >= self._next_try_s and (self._trial is None or self._trial.done())

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        if self.failure:
            self._next_try_s = self._clock() + PAUSE_S
        loop, turn_s = asyncio.get_running_loop(), self._timeout_s / _TURNS
        turn: asyncio.TimerHandle | None = None
        try:
            async with asyncio.timeout(None) as limit:

                def wait_on(turns: int) -> None:
                    nonlocal turn
                    if turns:
                        turn = loop.call_later(turn_s, wait_on, turns - 1)
                    else:
                        limit.reschedule(loop.time())

                wait_on(_TURNS)
                try:
                    answer = await ask()
                finally:
                    if turn is not None:
                        turn.cancel()
        except TimeoutError:
            self._give_up("late", f"no answer in {self._timeout_s * 1000:.0f} ms")
            return None
        except Unavailable as error:
            self._give_up("away", str(error))
            return None
        self._n_late = 0
        if self.failure:
            self.failure = ""
            _log.info("store_read_again")
        return answer

    def _give_up(self, failure: Failure, why: str) -> None:
        self._failed(failure)
        self._n_late += failure == "late"
        if failure == "late" and self._n_late < _MAX_LATE:
            return
        if self.failure != failure:  # said once, not with each trial
            _log.warning("store_read_failed", error=why)
        self.failure = failure
        self._next_try_s = self._clock() + PAUSE_S
