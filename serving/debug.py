"""What ``debug=1`` tells a portal's developer of a list: why it is general, and what of the request had no effect.

In: what was asked and what came of it. Out: JSON. For who holds a site's API key: it says what ids the catalogue has.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from recommender.holdout import HELD_OUT
from recommender.request import RankedList
from recommender.scenes.scene import Scene
from serving.live import Caller, Lack, ListQuery, Page

_LACKS: Mapping[Lack, str] = {
    "": "",
    "late": "the online store does not answer in time, and is tried again four times a second",
    "away": "the online store cannot be reached, and is tried again four times a second",
    "trends": "the trends of the online store could not be read; those read last are in force",
}
_encode = msgspec.json.Encoder().encode


class ListDebug(msgspec.Struct):
    """What became of a request for a list.

    Attributes
    ----------
    site, actor
        For whom: the id under which behaviour is kept, empty if nobody is known.
    general_because
        Why nothing of the visitor was used; empty for a personal list.
    unknown
        Ids of the request that the catalogue does not have online, by parameter: they were passed over.
    degraded_because
        Why the fallback answered, empty if it did not.
    """

    site: str
    actor: str
    general_because: str
    degraded_because: str
    unknown: dict[str, list[str]]


def told(asked: Caller, caller: Caller, block: ListQuery, page: Page, made: RankedList, scene: Scene) -> bytes:
    """Return the JSON of a `ListDebug`.

    Parameters
    ----------
    asked, caller
        Who asked, as the request said, and as the browser's signals let it be.
    """
    ids = {"recent": asked.recent, "exclude": block.exclude, "item_id": (block.item_id,) if block.item_id else ()}
    items = page.snapshot.catalogue.items
    unknown = {
        name: [one for one in named if one not in items or items[one].status != "online"] for name, named in ids.items()
    }
    degraded = _LACKS[page.degraded_by]
    facts = ListDebug(
        caller.site, asked.actor, _why_general(asked, caller, page, made, scene), degraded,
        {name: missing for name, missing in unknown.items() if missing},
    )  # fmt: skip
    return _encode(facts)


def _why_general(asked: Caller, caller: Caller, page: Page, made: RankedList, scene: Scene) -> str:
    if made.mode == "personalised":
        return ""
    if asked.mode == "general":
        return "the request says mode=general"
    if caller.lacks_consent:
        return "the site requires the consent ledger, which has no consent of this user in force or cannot be read"
    if caller.mode == "general":
        return "the browser sends Sec-GPC or DNT"
    if not scene.personalised:
        return f"scene {made.scene} is the same for everybody"
    if page.is_off:
        return "the visitor switched personalisation off"
    if made.variant == HELD_OUT:
        return "the visitor is held out, so that reports can say what personalisation is worth"
    if not caller.actor and not caller.recent:
        return "nobody is named: send subject_token, anonymous_id or recent"
    if page.degraded_by in ("late", "away"):
        return f"what is known of this visitor could not be read: {_LACKS[page.degraded_by]}"
    return "nothing is known of this visitor: nothing was done with consent personalise, or it is not counted yet"
