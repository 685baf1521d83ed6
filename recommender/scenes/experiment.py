"""An experiment: which visitors are shown which variant of a scene. Pure: an actor and a day in, a variant out.

An actor's place is a hash of the experiment and the actor, so nothing is kept, every process says the same, and two
experiments divide visitors independently of each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Experiment:
    """One comparison of variants of a scene.

    Attributes
    ----------
    name
        Scenes whose experiments have one name and salt divide visitors alike.
    shares
        Variant → share of the visitors, 0..1, together at most 1; all others are shown the scene itself.
    salt
        Another one divides visitors independently.
    interleaved
        Visitors of a variant are shown its order and the scene's in one list instead.
    start, end
        First and last day, as the portal's calendar has it; without, from now on and until it is taken out.
    """

    name: str
    shares: Mapping[str, float]
    salt: str = ""
    start: date | None = None
    end: date | None = None
    interleaved: bool = False

    def variant_of(self, actor: str, today: date) -> str:
        """Return the variant an actor is shown, empty for the scene itself; a stranger's too.

        A share that grows keeps whom it had, as long as the variants before it stay as they are.

        Examples
        --------
        >>> Experiment("trees", {"b": 1.0}).variant_of("a1", date(2026, 3, 1))
        'b'
        >>> Experiment("trees", {"b": 1.0}).variant_of("", date(2026, 3, 1))
        ''
        """
        return self.assigned(actor, today)[0]

    def assigned(self, actor: str, today: date) -> tuple[str, float]:
        """Return the variant an actor is shown and the share of the actors who are; ``("", 0)`` if none is divided."""
        if not actor or (self.start and today < self.start) or (self.end and today > self.end):
            return "", 0.0
        place, above = place_of(self.name, self.salt, actor), 0.0
        for variant, share in self.shares.items():
            above += share
            if place < above:
                return variant, share
        return "", max(0.0, 1.0 - above)


def place_of(name: str, salt: str, actor: str) -> float:
    """Return where an actor stands in an experiment: evenly from 0 to below 1."""
    digest = hashlib.blake2b("\0".join((name, salt, actor)).encode(), digest_size=7).digest()
    return (int.from_bytes(digest) >> 3) / (1 << 53)  # as many bits as a float holds: never 1
