"""Pauses between tries: they grow to a cap, and those of several who failed together drift apart.

In: how often it failed. Out: seconds, and `Retry`, which waits them with whatever its process waits with. A library
(tenacity, stamina) decorates a function; here a stop event, a collector's Retry-After or a clock has a say.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

#: By how much of itself a pause may be shorter: a second of five is enough that senders do not come back as one.
JITTER = 0.2


def pause_s(failures: int, first_s: float, longest_s: float) -> float:
    """Return the pause after so many failures in a row: doubled by each, never above the longest.

    Examples
    --------
    >>> [pause_s(n, 0.5, 30.0) for n in (1, 2, 3, 20)]
    [0.5, 1.0, 2.0, 30.0]
    """
    return float(min(first_s * 2.0 ** min(failures - 1, 60), longest_s))


class Retry:
    """The pauses of one thing that is tried until it works.

    Parameters
    ----------
    jitter
        Part of a pause that chance may take off; 0 where one alone tries.
    wait
        What sleeps, or waits for the word to stop.
    chance
        Numbers from 0 to 1.
    """

    def __init__(
        self,
        first_s: float,
        longest_s: float,
        *,
        jitter: float = JITTER,
        wait: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first_s, self._longest_s, self._jitter = first_s, longest_s, jitter
        self._wait, self._chance = wait, chance
        self._failures = 0

    def worked(self) -> None:
        """Note that it worked: the next pause is a first one."""
        self._failures = 0

    def failed(self) -> float:
        """Note a failure; return the seconds until the next try."""
        self._failures += 1
        return pause_s(self._failures, self._first_s, self._longest_s) * (1 - self._jitter * self._chance())

    def wait(self, retry_after_s: float | None = None) -> None:
        """Note a failure and wait, as long as whoever refused said if it did."""
        own_s = self.failed()
        self._wait(own_s if retry_after_s is None else retry_after_s)
