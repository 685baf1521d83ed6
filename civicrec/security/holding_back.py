"""How long whoever failed to sign in is held back: not at all for a few slips, then twice as long each time.

In: how often it failed, and when last. Out: until when no attempt is looked at. There is an end to the doubling, so
nobody is ever kept out for good by somebody else's guesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Patience:
    """How many failures are let pass before the first wait.

    Attributes
    ----------
    slips
        Failures that cost nothing: fingers slip, and an office shares an address.
    """

    slips: int
    first_wait: timedelta = timedelta(seconds=2)
    longest_wait: timedelta = timedelta(minutes=15)

    def wait(self, n_failed: int) -> timedelta:
        """Return how long after the last of `n_failed` failures the next attempt is looked at.

        Examples
        --------
        >>> [Patience(slips=5).wait(n).total_seconds() for n in (4, 5, 6, 7, 40)]
        [0.0, 2.0, 4.0, 8.0, 900.0]
        """
        if n_failed < self.slips:
            return timedelta()
        return min(self.first_wait * (1 << min(n_failed - self.slips, 30)), self.longest_wait)


#: Of one account from browsers that never signed in to it, of one address, of a browser that did sign in to it.
ACCOUNT, ADDRESS, BROWSER = Patience(slips=5), Patience(slips=50), Patience(slips=10)
#: Failures are forgotten when the last is this old.
FORGOTTEN = timedelta(days=1)


def held_until(patience: Patience, n_failed: int, last_at: datetime) -> datetime:
    """Return until when nothing more is looked at."""
    return last_at + patience.wait(n_failed)
