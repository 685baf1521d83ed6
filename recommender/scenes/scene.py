"""A scene: a place on a portal where a list appears, and all that decides how its lists are made.

In: a validated file (`files`). Out: a `Scene`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from civicrec.errors import InvalidInput
from civicrec.items import ITEM_TYPES, ItemType
from recommender.scenes.experiment import Experiment
from recommender.scenes.shadow import Shadow

MAX_N = 100
"""Longest list one request may ask for; more is paging, through `cursor`."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One place where a list appears.

    Attributes
    ----------
    name
        What callers put into ``scene=``.
    title
        Words a portal page shows above the block.
    sources
        Generators that are asked, each with the worth of its best candidate.
    item_types
        Types this place may show, all by default.
    default_n
        List length when the caller names none.
    max_n
        Items of a page at most, whatever the caller asks; more is paging.
    issuers, origins
        What may be shown: items of these issuers, and from these sources (`Item.source`); any when empty.
    max_topic_share
        Largest share of one theme among the items of a page, 0..1 (ALG 12 asks for it).
    max_type_share, max_issuer_share, min_type_count
        Of the re-ranker ``quotas``: item type → its largest share of a page; that of any one issuer; item type → how
        many of it a page holds at least while there are so many among the candidates.
    first_types, first_themes
        Of the re-ranker ``first_types``: what stands before all others.
    explore_share
        Share of the lists made for one visitor whose last place goes to a new item that few have seen yet.
    fatigue
        What the score of an item is multiplied by for each time it was shown to this visitor beyond the second, without
        being opened; 1 for nothing of it.
    editorial_slots
        Positions that pins may take; any when empty.
    personalised
        False for places that must be the same for everybody.
    on_item_page
        True for a place beside an item: its ranker learns from what was clicked next.
    fallback
        Generators that fill a list the sources do not, in this order; the newest items come after them.
    ranker, rerankers
        Names in `RANKERS` and, in the order they act, in `RERANKERS`.
    variants
        Name → this scene as a part of its visitors is shown it.
    experiment
        Which visitors are shown which variant; ``None`` shows the scene itself to all.
    shadow
        What runs in the shadow of its lists; ``None`` for nothing.
    order
        Place of the scene where all are listed.
    """

    name: str
    title: str
    sources: Mapping[str, float]
    item_types: tuple[ItemType, ...] = ITEM_TYPES
    default_n: int = 10
    max_n: int = MAX_N
    issuers: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    max_topic_share: float = 0.4
    max_type_share: Mapping[str, float] = field(default_factory=dict)
    max_issuer_share: float = 1.0
    min_type_count: Mapping[str, int] = field(default_factory=dict)
    first_types: tuple[ItemType, ...] = ()
    first_themes: tuple[str, ...] = ()
    explore_share: float = 0.0
    fatigue: float = 0.5
    editorial_slots: tuple[int, ...] = ()
    personalised: bool = True
    on_item_page: bool = False
    fallback: tuple[str, ...] = ("trending", "popular")
    ranker: str = "blend"
    rerankers: tuple[str, ...] = ("diversify",)
    variants: Mapping[str, Scene] = field(default_factory=dict)
    experiment: Experiment | None = None
    shadow: Shadow | None = None
    order: int = 100

    def variant(self, name: str) -> Scene:
        """Return a variant of this scene, itself when none is named.

        Raises
        ------
        InvalidInput
            If it has no such variant.
        """
        if not name:
            return self
        try:
            return self.variants[name]
        except KeyError:
            known = ", ".join(self.variants) or "none"
            raise InvalidInput(f"unknown variant {name!r} of scene {self.name!r}; it has {known}") from None


def scene_named(name: str, scenes: Mapping[str, Scene]) -> Scene:
    """Return the scene of this name.

    Raises
    ------
    InvalidInput
        If there is no such scene; the message lists those there are.
    """
    try:
        return scenes[name]
    except KeyError:
        raise InvalidInput(f"unknown scene {name!r}; expected one of {', '.join(scenes)}") from None
