"""Made-up events, and the reports recounted from them in plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from civicrec.reports.report import Window
from civicrec.warehouse.ports import Warehouse

CHINA = timedelta(hours=8)
DAYS = Window(date(2026, 3, 2), date(2026, 3, 8))
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    event_id: UUID
    kind: str
    occurred_at: datetime
    actor: str
    session_id: str
    item_id: str
    request_id: str
    active_ms: int | None
    bot_reason: str
    site: str = "demo"
    channel: str = "web"

    @property
    def local_day(self) -> date:
        return (self.occurred_at + CHINA).date()


def events(seed: int, n: int = 4_000, actors: int = 60) -> list[Row]:
    """Nine days around the window, every field sometimes empty, times often equal."""
    rng = random.Random(seed)
    start = datetime(2026, 3, 1, 0, tzinfo=UTC) - CHINA
    found = []
    for _ in range(n):
        kind = rng.choices(["impression", "click", "read", "service_start", "search"], [60, 18, 14, 3, 5])[0]
        # Whole half hours, so that events of one actor fall together and onto local midnight.
        at = start + timedelta(minutes=30 * rng.randrange(9 * 48))
        actor = f"a{rng.randrange(actors)}" if rng.random() < 0.97 else f"rare{rng.randrange(30)}"
        found.append(
            Row(
                event_id=UUID(int=rng.getrandbits(128)),
                kind=kind,
                occurred_at=at,
                actor=actor,
                # Two actors of one session are one visitor, before and after logging in.
                session_id=rng.choice(["", *(f"{actor[-1]}-s{n}" for n in (1, 2, 3))]),
                # A click on a link to another site, and reading a page of lists, are of no item.
                item_id="" if kind == "search" or rng.random() < 0.2 else f"item-{int(rng.paretovariate(0.7)) % 25}",
                request_id=rng.choice(["", "r1", "r2"]),
                active_ms=rng.randrange(60_000) if kind == "read" and rng.random() < 0.9 else None,
                bot_reason="declared" if rng.random() < 0.04 else "",
            )
        )
    return found


def store(warehouse: Warehouse, rows: list[Row]) -> None:
    """Insert the events; the second half twice, as a retry would."""
    for part in (rows, rows[len(rows) // 2 :]):
        columns: dict[str, list[Any]] = defaultdict(list)
        for row in part:
            for name, value in asdict(row).items():
                columns[name].append(value)
            columns["received_at"].append(row.occurred_at + timedelta(seconds=3))
            columns["local_date"].append(row.local_day)
        warehouse.insert("events", columns)


def people(rows: list[Row], window: Window = DAYS) -> list[Row]:
    return [row for row in rows if window.first <= row.local_day <= window.last and not row.bot_reason]


def bots(rows: list[Row], window: Window = DAYS) -> int:
    return sum(1 for row in rows if window.first <= row.local_day <= window.last and row.bot_reason)


def recount_traffic(rows: list[Row], period: str, window: Window = DAYS) -> dict[str, tuple[int, int, int]]:
    groups = defaultdict(list)
    for row in people(rows, window):
        groups[(row.occurred_at + CHINA).strftime("%Y-%m-%d" if period == "day" else "%Y-%m-%d %H:00")].append(row)
    return {
        name: (
            len(group),
            len({row.actor for row in group}),
            len({(row.site, row.session_id) for row in group if row.session_id}),
        )
        for name, group in groups.items()
    }


def recount_items(rows: list[Row], window: Window = DAYS) -> dict[str, dict[str, Any]]:
    groups = defaultdict(list)
    for row in people(rows, window):
        if row.item_id:
            groups[row.item_id].append(row)
    return {item_id: _recount_item(group) for item_id, group in groups.items()}


def _recount_item(group: list[Row]) -> dict[str, Any]:
    def lists(kind: str) -> set[tuple[str, str]]:
        return {(row.actor, row.request_id or row.session_id) for row in group if row.kind == kind}

    shown = lists("impression")
    clicked = shown & lists("click")
    reads = [row for row in group if row.kind == "read"]
    return {
        "shown": len(shown),
        "clicked": len(clicked),
        "ctr": len(clicked) / len(shown) if shown else None,
        "clicks": sum(1 for row in group if row.kind == "click"),
        "reads": len({(row.site, row.session_id or row.actor) for row in reads}),
        "active_s": sum(row.active_ms or 0 for row in reads) / 1000,
        "actors": len({row.actor for row in group}),
    }


def recount_funnel(rows: list[Row], window: Window = DAYS) -> list[int]:
    steps = ["impression", "click", "read", "service_start"]
    by_actor = defaultdict(list)
    for row in people(rows, window):
        by_actor[row.actor].append(row)
    reached = [0] * len(steps)
    for group in by_actor.values():
        since = datetime.min.replace(tzinfo=UTC)
        for step, kind in enumerate(steps):
            times = [row.occurred_at for row in group if row.kind == kind and row.item_id and row.occurred_at >= since]
            if not times:
                break
            since = min(times)
            reached[step] += 1
    return reached
