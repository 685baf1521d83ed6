"""What an online store says of itself: whether all is here, how much it holds, how full it is.

In: a store in Redis or Valkey. Out: `OnlineState`, for `civicrec status`, ``/readyz`` and Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: From here on a store counts as full: what it sheds it sheds in twentieths.
FULL = 0.95


@dataclass(frozen=True, slots=True)
class OnlineState:
    """A store at one moment.

    Attributes
    ----------
    is_complete
        Whether it holds all it should.
    actors
        Actors of whom anything is known.
    shed
        Kind → entries removed because they were beyond a bound, or because memory was short.
    used_mb, max_mb
        Memory it takes and may take; 0 means without limit.
    """

    is_complete: bool
    actors: int
    shed: Mapping[str, int]
    used_mb: float
    max_mb: float

    @property
    def fullness(self) -> float:
        """Share of the memory in use, 0 without a limit."""
        return self.used_mb / self.max_mb if self.max_mb else 0.0

    def problems(self) -> list[str]:
        """Say what is wrong with it, one sentence each."""
        sentences = []
        if not self.is_complete:
            sentences.append("the online store is incomplete, lists are plainer; the stream rebuilds it")
        if self.fullness >= FULL:
            sentences.append(
                f"the online store is full: {self.used_mb:.1f} of {self.max_mb:.1f} MB, and {sum(self.shed.values())} "
                "entries of the least active visitors were shed; raise CIVICREC_REDIS__MAX_MEMORY_MB, or the maxmemory "
                "of your own server"
            )
        return sentences
