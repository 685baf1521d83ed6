"""Made-up visits from browsers, signed in or not, and whose each one is, read one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from civicrec.warehouse.ports import Warehouse

SHARED = "hall"
IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=24)


@dataclass(frozen=True)
class Visit:
    browser: str
    subject: str
    at: datetime
    kind: str
    site: str = "portal"
    bot_reason: str = ""
    item_id: str = "i1"
    event_id: UUID = UUID(int=0)

    @property
    def actor(self) -> str:
        return self.subject or self.browser

    @property
    def local_day(self) -> date:
        return (self.at + timedelta(hours=8)).date()


def store_visits(warehouse: Warehouse, made: Sequence[Visit], parts: int = 1) -> None:
    """Make these the only events, inserted in so many parts, the first of them twice."""
    warehouse.command("TRUNCATE TABLE events")
    pieces = [made[n::parts] for n in range(parts)]
    for piece in (*pieces, pieces[0]):
        if piece:
            warehouse.insert(
                "events",
                {
                    "event_id": [one.event_id for one in piece],
                    "kind": [one.kind for one in piece],
                    "occurred_at": [one.at for one in piece],
                    "received_at": [one.at for one in piece],
                    "local_date": [one.local_day for one in piece],
                    "site": [one.site for one in piece],
                    "channel": ["web"] * len(piece),
                    "actor": [one.actor for one in piece],
                    "anonymous_id": [one.browser for one in piece],
                    "subject_id": [one.subject for one in piece],
                    "item_id": [one.item_id for one in piece],
                    "request_id": ["r1"] * len(piece),
                    "bot_reason": [one.bot_reason for one in piece],
                },
            )


def person_of(visit: Visit, made: Iterable[Visit]) -> str:
    """Return whose a visit is: walk from it to the next and to the last time somebody was signed in there."""
    if visit.subject or not visit.browser or visit.site == SHARED or visit.bot_reason:
        return visit.actor
    same = [one for one in made if one.browser == visit.browser and one.site != SHARED and not one.bot_reason]
    later = sorted((one.at, one.subject) for one in same if one.at >= visit.at)
    earlier = sorted(((one.at, one.subject) for one in same if one.at < visit.at), reverse=True)
    found = {_first_subject(visit.at, walk) for walk in (later, earlier)} - {""}
    return found.pop() if len(found) == 1 else visit.actor


def _first_subject(start: datetime, walk: Iterable[tuple[datetime, str]]) -> str:
    last = start
    for at, subject in walk:
        if abs(at - last) > IDLE:
            return ""
        if subject:
            return subject if abs(at - start) <= LONGEST else ""
        last = at
    return ""
