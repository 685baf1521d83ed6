"""What one interaction adds to a tag: the rules of `civicrec.warehouse.actor_tags`, one event at a time, lazily.

In: interactions with items that carry a tag, in any order. Out: the tag's weight, evidence and confidence. Pure; what a
whole night weighs in SQL equals this (`tests/profiles/test_evidence.py`).
"""

from __future__ import annotations

from datetime import date, timedelta

from civicrec.warehouse.actor_tags import MAX_DAY_WEIGHT
from profiles.decay import decayed


class TagEvidence:
    """What somebody's interactions say of one tag; only what an event touches is reckoned anew.

    Parameters
    ----------
    half_life_days
        Days after which evidence counts half; more than zero.
    min_evidence
        How many different items the tag needs.

    Examples
    --------
    >>> tag = TagEvidence(half_life_days=14, min_evidence=2)
    >>> tag.update("a", date(2026, 3, 17), 1.0), tag.update("b", date(2026, 3, 31), 4.0)
    (1.0, 4.0)
    >>> tag.weight(date(2026, 3, 31)), tag.is_given, round(tag.confidence(date(2026, 3, 31)), 3)
    (4.5, True, 0.429)
    """

    def __init__(self, half_life_days: float, min_evidence: int) -> None:
        self._half_life = timedelta(days=half_life_days)
        self._min_evidence = min_evidence
        self._weight, self._day = 0.0, date.min
        self._of_day: dict[tuple[str, date], float] = {}
        self._newest: dict[str, date] = {}

    def update(self, item_id: str, day: date, strength: float) -> float:
        """Take an interaction; return what it adds on its own day, less where the item has given its most.

        Parameters
        ----------
        strength
            As of `civicrec.events.INTEREST_WEIGHTS`, in clicks.
        """
        before = self._of_day.get((item_id, day), 0.0)
        added = min(strength, MAX_DAY_WEIGHT - before)
        newest = max(day, self._day)
        self._weight, self._day = self.weight(newest) + self.left(added, day, newest), newest
        self._of_day[item_id, day] = before + added
        self._newest[item_id] = max(day, self._newest.get(item_id, date.min))
        return added

    def left(self, weight: float, since: date, day: date) -> float:
        """Return what is left on a day of a weight of an earlier one."""
        return decayed(weight, day - since, self._half_life)

    def weight(self, day: date) -> float:
        """Return the weight on a day, not before that of the newest interaction; a click of that day is 1."""
        return self.left(self._weight, self._day, day) if self._newest else 0.0

    @property
    def evidence(self) -> int:
        """How many different items the weight rests on."""
        return len(self._newest)

    @property
    def is_given(self) -> bool:
        """Whether the evidence is enough for the tag."""
        return self.evidence >= self._min_evidence

    def confidence(self, day: date) -> float:
        """Return n / (n + min_evidence), n being the items, each counted by what is left of its newest day; 0 to 1."""
        n = sum(self.left(1.0, newest, day) for newest in self._newest.values())
        return n / (n + self._min_evidence)
