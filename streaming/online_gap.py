"""When the stream goes on without its online store, and when it tries to have it back.

In: what failed and what worked. Out: whether the store is left out. The warehouse must not wait for long for a store
that can be rebuilt from it: a full or broken one is left out after a short while, and rebuilt when it takes writes.
"""

from __future__ import annotations

from collections.abc import Callable

from civicrec.clock import monotonic_s
from civicrec.process.retry import Retry

#: First and longest time between two tries to have the store back.
_FIRST_TRY_S = 5.0
_LONGEST_TRY_S = 60.0


class OnlineGap:
    """The state of one stream.

    Parameters
    ----------
    patience_s
        How long the store may fail before it is left out.

    Attributes
    ----------
    is_open
        Whether the store is left out.
    reason
        What failed last; empty while all is well.
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = monotonic_s) -> None:
        self.is_open = False
        self.reason = ""
        self._patience_s = patience_s
        self._clock = clock
        self._since_s = 0.0
        self._next_s = 0.0
        self._retry = Retry(_FIRST_TRY_S, _LONGEST_TRY_S, jitter=0)  # nobody else tries

    def failed(self, reason: str) -> bool:
        """Note a failure; return whether the store is left out from now on."""
        now = self._clock()
        if not self.reason:
            self._since_s = now
        self.reason = reason
        if not self.is_open and now - self._since_s >= self._patience_s:
            self.is_open = True
            self._retry.worked()
        self._next_s = now + self._retry.failed()
        return self.is_open

    def worked(self) -> None:
        """Note that the store is complete and takes writes."""
        self.is_open, self.reason = False, ""

    @property
    def may_try(self) -> bool:
        """Whether it is time to look at the store, which it always is while it is not left out."""
        return not self.is_open or self._clock() >= self._next_s
