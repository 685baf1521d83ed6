"""What the online store knows of a person, as a store that can be erased."""

from __future__ import annotations

from collections.abc import Callable

from civicrec.erasure import Person
from profiles.online.ports import DecidedStore


class OnlineKeys:
    """The keys that name a person; of what many made together, what counts as theirs while they are few.

    Parameters
    ----------
    damaged
        Removes copies of the store that were set aside.
    """

    name = "online store"

    def __init__(self, online: DecidedStore, damaged: Callable[[], object] = lambda: None) -> None:
        self._online, self._damaged = online, damaged

    def count(self, person: Person) -> int:
        """Return how many keys name the person."""
        return sum(map(self._online.holds, person.actors))

    def erase(self, person: Person) -> None:
        """Forget them, then write the store's files anew."""
        for actor in person.actors:
            self._online.forget(actor)
        self._online.rewrite()
        self._damaged()
