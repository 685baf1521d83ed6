"""Events, a catalogue and all that a night makes of them, for tests of the nightly job."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from civicrec.clients import redis_client
from civicrec.clock import PORTAL_TZ, local_date, to_ms
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.runs import latest_run
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.redis_store import RedisOnlineStore

DAY = date(2026, 3, 31)


def an_event(n: int, at: datetime, **facts: Any) -> dict[str, Any]:
    actor = facts.get("actor", "a1")
    return {
        "event_id": str(UUID(int=n)), "kind": "click", "occurred_at": to_ms(at), "received_at": to_ms(at),
        "local_date": local_date(at), "site": "demo", "channel": "web", "actor": actor, "anonymous_id": actor,
        "session_id": "s1", "item_id": "i1", "active_ms": None, "consent": "personalise", "bot_reason": "", **facts,
    }  # fmt: skip


def at(day: date = DAY, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=PORTAL_TZ)


def store_events(settings: Settings, events: list[dict[str, Any]]) -> None:
    ClickHouseWarehouse(settings.warehouse).insert(
        "events", {name: [event[name] for event in events] for name in events[0]}
    )


def fill_catalogue(settings: Settings, n: int = 12) -> None:
    items = [
        Item(item_id=f"i{k}", item_type="service", title=f"第{k}项", theme=("就业创业",) if k % 2 else ("民族宗教",),
             life_events=("退休",) if k % 3 else ())
        for k in range(1, n + 1)
    ]  # fmt: skip
    upsert_items(open_registry(settings.registry_address), items)


def many_events(n: int = 1_500) -> list[dict[str, Any]]:
    rng = random.Random(4)
    return [
        an_event(
            k,
            at(DAY - timedelta(days=rng.randrange(40)), rng.randrange(24)),
            actor=f"a{rng.randrange(60)}",
            item_id=f"i{rng.randrange(1, 16)}",
            kind=rng.choice(["click", "read", "impression", "favourite", "page_view"]),
            active_ms=rng.choice([None, 1_000]),
            session_id=f"s{rng.randrange(3)}",
            consent=rng.choice(["personalise", "personalise", "measure"]),
            bot_reason=rng.choice(["", "", "", "user_agent"]),
        )
        for k in range(n)
    ]


def everything(settings: Settings, rows: Callable[[str], list[dict[str, Any]]]) -> dict[str, Any]:
    redis = redis_client(settings.redis)
    files = sorted(path for path in settings.models_path.rglob("*") if path.is_file())
    return {
        "actor_tags": rows("SELECT * FROM actor_tags ORDER BY ALL"),
        "online": {actor: RedisOnlineStore(redis).actor(actor).tags for actor in (f"a{n}" for n in range(60))},
        "models": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        "run": latest_run(open_registry(settings.registry_address)),
    }
