"""A global hold-out: a share of the visitors get general lists everywhere, so that reports can say what others gain.

In: an actor. Out: whether they are held out, always the same while share and salt stay; nothing is kept. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recommender.request import RankedList, Request
from recommender.scenes.experiment import place_of

#: `variant` of a list that a held-out visitor gets; no scene may have a variant of this name.
HELD_OUT = "holdout"


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Which visitors are held out.

    Attributes
    ----------
    share
        Of the visitors, 0..1; 0 divides nobody. A share that grows keeps whom it had.
    salt
        Another one holds out others.
    """

    share: float = 0.0
    salt: str = ""

    def holds(self, actor: str) -> bool:
        """Say whether an actor is held out; a stranger is not.

        Examples
        --------
        >>> HoldOut(1.0).holds("a1"), HoldOut(1.0).holds(""), HoldOut(0.0).holds("a1")
        (True, False, False)
        """
        return bool(actor) and self.share > 0 and place_of(HELD_OUT, self.salt, actor) < self.share

    def answered(self, requests: Sequence[Request], actor: str, refused: Iterable[str] = ()) -> list[Request]:
        """Return requests as this visitor is answered: all that are personal in general, of who is held out.

        Parameters
        ----------
        refused
            Ids of what the visitor said they do not want: nobody is shown it again, held out or not.
        """
        if not self.holds(actor):
            return list(requests)
        unwanted = frozenset(refused)
        return [_in_general(request, unwanted) if request.is_personal else request for request in requests]

    def marked(self, lists: Sequence[RankedList], requests: Sequence[Request], actor: str) -> list[RankedList]:
        """Return lists that say by what share their visitor was divided, if at all, and who is held out.

        Parameters
        ----------
        requests
            Of the lists, before they were `answered`: who may not have a personal list is divided from nobody.
        """
        if not (actor and self.share):
            return list(lists)
        says: dict[str, Any] = {"holdout_share": self.share} | ({"variant": HELD_OUT} if self.holds(actor) else {})
        return [
            replace(ranked_list, **says) if request.is_personal else ranked_list
            for ranked_list, request in zip(lists, requests, strict=True)
        ]


def _in_general(request: Request, unwanted: frozenset[str]) -> Request:
    return replace(
        request,
        mode="general",
        recent=(),
        variant="",
        variant_share=0.0,
        coins=None,
        exclude=request.exclude | unwanted,
    )
