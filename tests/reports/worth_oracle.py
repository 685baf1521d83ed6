"""Visitors of both arms over three weeks, and what they did recounted in plain Python."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from civicrec.accounting.served import ServedList
from civicrec.clock import to_ms
from civicrec.reports.report import Window
from civicrec.reports.worth_counts import OUTCOME_DAYS, OUTCOMES
from civicrec.warehouse.ports import Warehouse
from civicrec.warehouse.served import columns_of

CHINA = timedelta(hours=8)
FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC) - CHINA
DAYS = Window(date(2026, 3, 2), date(2026, 3, 14))
NOW = datetime(2026, 3, 16, 4, tzinfo=UTC)
SHARE = 0.25


@dataclass(frozen=True)
class Event:
    event_id: UUID
    kind: str
    occurred_at: datetime
    actor: str
    item_id: str
    request_id: str
    consent: str
    bot_reason: str

    @property
    def day(self) -> date:
        return (self.occurred_at + CHINA).date()


@dataclass
class World:
    lists: list[ServedList]
    events: list[Event]


def world(seed: int, people: int = 400) -> World:
    """Return lists of visitors who come on any day, with all that must not count: bots, strangers, forged ids."""
    rng = random.Random(seed)
    made = World([], [])

    def happen(kind: str, at: datetime, who: str, request_id: str, **facts: str) -> None:
        given = {"item_id": "" if rng.random() < 0.1 else "item", "consent": "personalise", "bot_reason": ""} | facts
        # Whole hours, so that acts fall onto midnights and onto the end of a person's days.
        made.events.append(Event(UUID(int=rng.getrandbits(128)), kind, at, who, request_id=request_id, **given))

    for n in range(people):
        who, is_held_out, is_robot = f"p{n}", rng.random() < SHARE, rng.random() < 0.05
        is_divided = rng.random() < 0.9
        consent = "personalise" if rng.random() < 0.9 else "measure"
        for _ in range(rng.randrange(1, 4)):
            at = FIRST_DAY + timedelta(hours=rng.randrange(15 * 24))
            request_id = f"{rng.getrandbits(128):032x}"
            made.lists.append(
                ServedList(
                    request_id, to_ms(at), "demo", "home", "home", "holdout" if is_divided and is_held_out else "",
                    "general", "run", False, 0, ["item"], [["fresh"]], [["FRESH"]],
                    holdout_share=SHARE if is_divided else 0.0,
                )
            )  # fmt: skip
            facts = {"consent": consent, "bot_reason": "declared" if is_robot else ""}
            for _ in range(rng.randrange(1, 3)):
                happen("impression", at, who, request_id, **facts)
            if rng.random() < 0.1:
                happen("impression", at - timedelta(hours=30), "forger", request_id)
            for kind in ("click", "read", "service_start"):
                if rng.random() < 0.4:
                    later = at + timedelta(hours=rng.randrange(OUTCOME_DAYS * 24 + 48))
                    happen(kind, later, who, rng.choice([request_id, ""]), **facts)
    both = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(128):032x}"
    for request_id, variant in zip(both, ("", "holdout"), strict=True):
        at = FIRST_DAY + timedelta(days=3)
        made.lists.append(
            ServedList(
                request_id, to_ms(at), "demo", "home", "home", variant, "general", "run", False, 0, ["item"],
                [["fresh"]], [["FRESH"]], holdout_share=SHARE,
            )
        )  # fmt: skip
        happen("impression", at, "moved", request_id)
    return made


def store(warehouse: Warehouse, made: World) -> None:
    """Insert lists and events; the second half of the events twice, as a retry would."""
    warehouse.insert("served", columns_of(made.lists, 36_000))
    for part in (made.events, made.events[len(made.events) // 2 :]):
        columns: dict[str, list[Any]] = defaultdict(list)
        for event in part:
            for name in Event.__dataclass_fields__:
                columns[name].append(getattr(event, name))
            columns["received_at"].append(NOW)
            columns["local_date"].append(event.day)
        warehouse.insert("events", columns)


def recount(made: World, now: datetime = NOW) -> dict[str, Any]:
    """Return entered, over and did of each arm (`False` recommended), and who had lists of both."""
    lists = {one.request_id: one for one in made.lists if one.holdout_share}
    since: dict[str, datetime] = {}
    arms: dict[str, set[bool]] = defaultdict(set)
    for request_id, seen in _seen(made):
        if request_id not in lists:
            continue
        who = max(Counter(event.actor for event in seen).items(), key=lambda pair: (pair[1], pair[0]))[0]
        at = min(event.occurred_at for event in seen if event.actor == who)
        since[who] = min(at, since.get(who, at))
        arms[who].add(lists[request_id].variant == "holdout")
    span = timedelta(days=OUTCOME_DAYS)
    entered: Counter[bool] = Counter()
    over: Counter[bool] = Counter()
    did: dict[str, Counter[bool]] = {outcome: Counter() for outcome in OUTCOMES}
    for who, begun in since.items():
        if len(arms[who]) > 1:
            continue
        (arm,) = arms[who]
        entered[arm] += 1
        if begun + span > now:
            continue
        over[arm] += 1
        done = {
            event.kind
            for event in made.events
            if event.actor == who and begun <= event.occurred_at < begun + span and event.item_id
            and not event.bot_reason and (event.kind != "click" or event.request_id)
        }  # fmt: skip
        for outcome in OUTCOMES:
            did[outcome][arm] += outcome in done
    return {"entered": entered, "over": over, "did": did, "mixed": sum(len(both) > 1 for both in arms.values())}


def _seen(made: World) -> Iterator[tuple[str, list[Event]]]:
    by_list: dict[str, list[Event]] = defaultdict(list)
    for event in made.events:
        counts = event.kind in ("impression", "click") and event.request_id and event.consent == "personalise"
        if counts and not event.bot_reason and DAYS.first <= event.day <= DAYS.last:
            by_list[event.request_id].append(event)
    yield from by_list.items()
