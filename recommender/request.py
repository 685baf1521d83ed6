"""What a list is made from and what it is: the values that cross the recommender's border.

In: a `Request` and what is known of the actor. Out: a `RankedList` of `RankedItem`s with their `Reason`s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import Struct

from civicrec.items import Item
from recommender.cursor import Cursor
from recommender.scenes.scene import Scene

Mode = Literal["general", "personalised"]

#: Name of a generator, or `FALLBACK`; the generators themselves say which there are (`recommender.generators`).
Source = str
#: What fills the list; no generator's name.
FALLBACK: Source = "fallback"
ReasonCode = str


@dataclass(frozen=True, slots=True)
class Request:
    """One list that somebody asks for.

    Attributes
    ----------
    n
        Wanted length, at least 1.
    mode
        `general` uses neither profile nor `recent`.
    recent
        The caller's own history, newest first; nothing of it is kept.
    item_id
        Item of the page the list stands on, empty for none.
    exclude
        Ids that must not be in the list.
    cursor
        Where the page before ended.
    variant
        Variant of the scene this visitor is shown, empty for the scene itself.
    variant_share
        Share of the visitors who are shown it, 0 where no experiment divides them.
    draw
        Number from 0 to 1 by which the scene's share of lists explores; ``None`` explores in none.
    coins
        Bits by which two orders, the scene's and the variant's, are interleaved; ``None`` where the variant stands
        alone.
    explain
        Whether items carry their features.
    """

    scene: Scene
    n: int
    mode: Mode = "personalised"
    recent: tuple[str, ...] = ()
    item_id: str = ""
    exclude: frozenset[str] = frozenset()
    cursor: Cursor | None = None
    variant: str = ""
    explain: bool = False
    draw: float | None = None
    variant_share: float = 0.0
    coins: int | None = None

    @property
    def is_personal(self) -> bool:
        """Whether anything about the actor may be used."""
        return self.mode == "personalised" and self.scene.personalised


# Each list makes some twenty of these two: a struct takes a fifth of a data class's time, here and in JSON.
class Reason(Struct, frozen=True):
    """Why an item is in a list: true when it was made, and checkable from `evidence`."""

    code: ReasonCode
    text: str
    evidence: Mapping[str, Any] = {}


class RankedItem(Struct, frozen=True):
    """An item at its place.

    Attributes
    ----------
    row
        Its row in the catalogue the list was made from.
    position
        0-based, counted on across pages.
    score
        Blended score; comparable within one list only.
    source
        The generator with the largest part of its score.
    parts
        Generator → its part of the score.
    features
        Feature → its value and what it adds to the score, where a ranker learned to weigh them and the request asks.
    propensity
        How likely the request's draws were to put it there, of what is made for this variant; 1 where nothing is
        drawn, 0 where it is not known.
    team
        Of two interleaved orders the one that it came by, empty for neither.
    """

    item: Item
    row: int
    position: int
    score: float
    source: Source
    reasons: tuple[Reason, ...] = ()
    parts: Mapping[Source, float] = {}
    features: Mapping[str, tuple[float, float]] = {}
    propensity: float = 1.0
    team: str = ""


@dataclass(frozen=True, slots=True)
class RankedList:
    """The answer to a `Request`.

    Attributes
    ----------
    mode
        What was really done: `general` if nothing about the actor was used.
    model
        Name of the nightly run in force, empty before the first.
    holdout_share
        Share of the visitors who are held out (`recommender.holdout`), 0 where nobody was divided.
    title
        The scene's, for the page.
    next_cursor
        ``None`` when there is nothing left to show.
    """

    scene: str
    mode: Mode
    model: str = ""
    items: tuple[RankedItem, ...] = ()
    variant: str = ""
    variant_share: float = 0.0
    holdout_share: float = 0.0
    title: str = ""
    next_cursor: Cursor | None = None
