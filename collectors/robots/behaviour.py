"""Robots that do not say so, told by what they do: too many actions for a person, or actions without ever a page.

In: events, one by one, in the order they arrive. Out: a bot reason each, empty for people. Judged by the events' own
times, so that a file sent again and a queue sent late are judged as they happened. Lives in memory; after a restart it
begins again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from civicrec.clock import to_ms
from civicrec.events import KINDS

if TYPE_CHECKING:
    from collectors.arrival import Arrival

Suspicion = Literal[
    "",
    "behaviour:speed",  # so many actions within two seconds that no hand makes them
    "behaviour:rate",  # more than one action a second for a minute
    "behaviour:no_view",  # acted on many items and was never shown a page or a list
]

#: What a person does on purpose. Impressions come by the screenful, reads by the clock, pushes from the portal.
_ACTIONS = KINDS - {"impression", "read", "push_sent", "push_delivered", "consent_given", "consent_withdrawn"}
_VIEWS = {"page_view", "impression"}
#: 24 actions within 2 s is a page every 80 ms; opening a folder of bookmarks stays below.
_SPEED_ACTIONS, _SPEED_MS = 24, 2_000
_RATE_ACTIONS, _RATE_MS = 61, 60_000
#: Different items acted on. Of different items, because a page that was open while this process restarted is one.
_NO_VIEW_ITEMS = 20
#: Views that a site must have sent before anyone is blamed for sending none: some portals report clicks only.
_SITE_VIEWS = 100
#: Once seen, a robot stays one for as long as a session may rest.
_FLAG_MS = 30 * 60 * 1_000
_LOW_64 = 2**64 - 1
#: Sites counted apart; there are more only where any name is taken.
_MAX_SITES = 1_000


class _Trail:
    """What one actor did lately."""

    __slots__ = ("actions", "items", "flagged_until_ms", "reason", "was_shown")

    def __init__(self) -> None:
        #: Newest last, at most `_RATE_ACTIONS`: the time in milliseconds above 64 bits of the event's id.
        self.actions: list[int] = []
        self.items: set[str] | None = None
        self.was_shown = False
        self.reason: Suspicion = ""
        self.flagged_until_ms = 0


class Behaviour:
    """Remembers the actors that did something lately: at least half of `max_actors`, at most all of them.

    Two generations, as in `collectors.dedup.seen`. An actor takes some 300 bytes, a robot 4 KB.
    """

    def __init__(self, max_actors: int = 40_000) -> None:
        self._half = max(1, max_actors // 2)
        self._young: dict[str, _Trail] = {}
        self._old: dict[str, _Trail] = {}
        self._views_of_site: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def suspicion(self, event: Arrival) -> Suspicion:
        """Take one event in and return the reason it has to be a robot's.

        An event that is seen twice, as a retry, counts once. The events before the one that gives a robot away are
        gone; those after it, up to half an hour beyond the last that does, carry the reason.
        """
        kind, actor = event.kind, event.actor
        trail = self._young.get(actor) or self._remembered(actor)
        if kind in _VIEWS:
            trail.was_shown, trail.items = True, None
            if self._views_of_site.get(event.site, 0) < _SITE_VIEWS:
                self._count_view(event.site)
        is_action = kind in _ACTIONS
        if not (is_action or trail.reason or (kind == "read" and not trail.was_shown)):
            return ""
        at_ms = to_ms(event.occurred_at)
        suspicion = _pace(trail.actions, at_ms << 64 | event.event_id.int & _LOW_64) if is_action else ""
        if not trail.was_shown and event.item_id and self._acted_unseen(trail, event):
            suspicion = suspicion or "behaviour:no_view"
        if suspicion:
            trail.reason, trail.flagged_until_ms = suspicion, max(trail.flagged_until_ms, at_ms + _FLAG_MS)
        return trail.reason if at_ms <= trail.flagged_until_ms else ""

    def _remembered(self, actor: str) -> _Trail:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        trail = self._young[actor] = self._old.get(actor) or _Trail()
        return trail

    def _count_view(self, site: str) -> None:
        n = self._views_of_site.get(site, 0)
        if n or len(self._views_of_site) < _MAX_SITES:
            self._views_of_site[site] = n + 1

    def _acted_unseen(self, trail: _Trail, event: Arrival) -> bool:
        """Say whether an actor that was shown nothing has acted on too many items of a site that tells of views."""
        if trail.items is None:
            trail.items = set()
        if len(trail.items) < _NO_VIEW_ITEMS:
            trail.items.add(event.item_id)
        return len(trail.items) >= _NO_VIEW_ITEMS and self._views_of_site.get(event.site, 0) >= _SITE_VIEWS


def _pace(actions: list[int], action: int) -> Suspicion:
    """Add an action to an actor's last ones; return what is wrong with their pace."""
    if action not in actions:
        actions.append(action)
        if len(actions) > _RATE_ACTIONS:
            del actions[0]
    if len(actions) >= _SPEED_ACTIONS and _span_ms(actions[-_SPEED_ACTIONS:]) <= _SPEED_MS:
        return "behaviour:speed"
    return "behaviour:rate" if len(actions) == _RATE_ACTIONS and _span_ms(actions) <= _RATE_MS else ""


def _span_ms(actions: list[int]) -> int:
    return (max(actions) >> 64) - (min(actions) >> 64)
