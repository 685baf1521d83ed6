"""Scenes: the places on a portal where a list appears, and what each one needs.

In: a scene name from a request. Out: its `Scene`, or `InvalidInput` that names the known ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from civicrec.errors import InvalidInput
from civicrec.items import ITEM_TYPES, ItemType

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
    item_types
        Types this place may show, all by default.
    default_n
        List length when the caller names none.
    max_topic_share
        Largest share of one theme among the items of a page, 0..1 (ALG 12 asks to scatter).
    personalised
        False for places that must be the same for everybody.
    """

    name: str
    title: str
    item_types: tuple[ItemType, ...] = field(default=ITEM_TYPES)
    default_n: int = 10
    max_topic_share: float = 0.4
    personalised: bool = True


SCENES: dict[str, Scene] = {
    scene.name: scene
    for scene in (
        Scene("home", "为您推荐"),
        Scene("news", "为您推荐的资讯", ("news", "interpretation"), 10, 0.6),
        Scene("policies", "与您相关的政策", ("policy", "interpretation"), 10, 0.6),
        Scene("services", "您可能要办", ("service", "guide"), 10, 0.6),
        Scene("item", "看了本页的人还关心", ITEM_TYPES, 6, 1.0),
        Scene("hot", "热门", ITEM_TYPES, 10, 1.0, personalised=False),
        Scene("latest", "最新", ITEM_TYPES, 10, 1.0, personalised=False),
        Scene("elder", "为您推荐（适老版）", ("service", "guide", "policy", "faq"), 5, 0.6),
    )
}


def scene_named(name: str) -> Scene:
    """Return the scene of this name.

    Raises
    ------
    InvalidInput
        If there is no such scene; the message lists those there are.
    """
    try:
        return SCENES[name]
    except KeyError:
        raise InvalidInput(f"unknown scene {name!r}; expected one of {', '.join(SCENES)}") from None
