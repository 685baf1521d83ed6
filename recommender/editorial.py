"""What editors decided, placed on the rows of one catalogue: what is blocked, lifted and pinned in a scene now.

In: `Rule`s, a catalogue, a scene and the time. Out: `Acting`, which `recommend` obeys. No rule shows what may not be
shown: a pin stands only while its item is eligible.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from civicrec.clock import to_ms
from civicrec.editorial import Rule
from recommender.catalogue import Catalogue
from recommender.derived import Derives
from recommender.request import Reason, ReasonCode, Source
from recommender.spans import Span, value_at

#: Source and reason code of a pinned item; no generator's name.
EDITORIAL: Source = "editorial"
EDITORIAL_CODE: ReasonCode = "editorial"


class Pin(NamedTuple):
    """An item at a place: a row of the catalogue, and the rule that says so."""

    position: int
    row: int
    rule: Rule

    @property
    def reason(self) -> Reason:
        """What the visitor reads; the evidence is the rule's number in the registry."""
        text = self.rule.text
        return Reason(EDITORIAL_CODE, f"编辑推荐：{text}" if text else "编辑推荐", {"rule": self.rule.number})


class Acting(NamedTuple):
    """The rules that act in one scene at one time.

    Attributes
    ----------
    blocked
        Rows that must not be shown.
    factors
        Row → what its score is multiplied by.
    pins
        By position; of one place the newest rule first, of one item only one.
    """

    blocked: NDArray[np.int64]
    factors: dict[int, float]
    pins: tuple[Pin, ...]

    def due(self, may_show: NDArray[np.bool_], shown: int, n: int, slots: Collection[int] = ()) -> dict[int, Pin]:
        """Return place on the page → pin, ascending, of a page of `n` that begins after `shown` items.

        Of two for one place the second stands behind the first. A pin whose place was on an earlier page does not
        come again, and one that finds no place on this page gives way. Where a scene has slots for editors, a pin
        takes the first free one from its position on.
        """
        places: dict[int, Pin] = {}
        for pin in self.pins:
            place = pin.position - shown
            if place < 0 or not may_show[pin.row]:
                continue
            place = max(place, 1 + max(places, default=-1))
            if slots:
                place = min((slot - shown for slot in slots if slot - shown >= place), default=n)
            if place < n:
                places[place] = pin
        return places


NO_RULES = Acting(np.zeros(0, np.int64), {}, ())


@dataclass(frozen=True, slots=True)
class Editorial(Derives):
    """Rules of all scenes, each with the row of its item; those of unknown items act once these are there."""

    rules: tuple[tuple[int, Rule], ...] = field(default=())

    @classmethod
    def of(cls, rules: Iterable[Rule], catalogue: Catalogue) -> Editorial:
        """Place the rules; those of items that the catalogue lacks are left out."""
        return cls(tuple((catalogue.rows[rule.item_id], rule) for rule in rules if rule.item_id in catalogue.rows))

    def acting(self, scene: str, now_ms: int) -> Acting:
        """Return the rules that act in a scene, kept until the next of them begins or ends."""
        if not self.rules:
            return NO_RULES
        return value_at(
            self.once(_acting),
            scene,
            now_ms,
            lambda: _acting_now([one for one in self.rules if one[1].scene in ("", scene)], now_ms),
        )

    def period(self, now_ms: int) -> object:
        """Return an object that stays the same one until a rule of any scene begins or ends."""
        return value_at(
            self.once(_periods), "all", now_ms, lambda: Span.between(object(), [_times(self.rules)], now_ms)
        )


def _periods(_: Editorial) -> dict[str, Span[object]]:
    return {}


def _times(rules: Iterable[tuple[int, Rule]]) -> list[int]:
    return [to_ms(at) for _, rule in rules for at in (rule.begins, rule.ends) if at is not None]


def _acting(_: Editorial) -> dict[str, Span[Acting]]:
    return {}


def _acting_now(rules: Sequence[tuple[int, Rule]], now_ms: int) -> Span[Acting]:
    now = [
        (row, rule)
        for row, rule in rules
        if (rule.begins is None or to_ms(rule.begins) <= now_ms) and (rule.ends is None or now_ms < to_ms(rule.ends))
    ]
    factors: dict[int, float] = {}
    for row, rule in now:
        if rule.kind == "boost":
            factors[row] = factors.get(row, 1.0) * rule.factor
    pins: dict[int, Pin] = {}
    for row, rule in sorted(now, key=lambda one: (one[1].position, -one[1].number)):
        if rule.kind == "pin":
            pins.setdefault(row, Pin(rule.position, row, rule))
    blocked = np.array(sorted({row for row, rule in now if rule.kind == "block"}), np.int64)
    return Span.between(Acting(blocked, factors, tuple(pins.values())), [_times(rules)], now_ms)
