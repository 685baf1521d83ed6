"""Made-up records of visitors, as the collector puts them into its log, and the items they look at."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from uuid import UUID

from civicrec.eventlog.ports import Record
from civicrec.events import Event, dump
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings

EVENTS_A_RECORD = 10
N_ITEMS = 500
_KINDS = ("page_view", "impression", "impression", "impression", "impression", "click", "read", "read")


def put_items(settings: Settings) -> None:
    """Put the items into the catalogue."""
    with registry_at(settings.registry_address) as registry:
        upsert_items(registry, [Item(item_id=f"item-{n}", item_type="news", title=f"新闻 {n}") for n in range(N_ITEMS)])


def made_up_records(n: int, rng: random.Random, now: datetime) -> list[Record]:
    """Return `n` records as `a_record` makes them, of the last six hours."""
    return [a_record(rng, now - timedelta(seconds=rng.uniform(0, 6 * 3_600))) for _ in range(n)]


def a_record(rng: random.Random, at: datetime) -> Record:
    """Return ten events of one visitor from `at` on, the items by Zipf's law, as the tracker would send them."""
    actor = f"visitor-{rng.randrange(20_000)}"
    events = []
    for n in range(EVENTS_A_RECORD):
        kind = rng.choice(_KINDS)
        events.append(
            Event(
                event_id=UUID(int=rng.getrandbits(128)), kind=kind,  # type: ignore[arg-type]  # chosen from `_KINDS`
                occurred_at=at + timedelta(seconds=n), received_at=at + timedelta(seconds=12), site="bench",
                anonymous_id=actor, session_id=f"s-{actor}", item_id=f"item-{int(rng.paretovariate(0.7)) % N_ITEMS}",
                request_id=f"r-{rng.randrange(10**6)}", scene="home", slot="main", position=n, title="就业补贴通知",
                url_path="/policies/12345", referrer_type="internal", device="mobile", consent="personalise",
                active_ms=5_000 if kind == "read" else None,
            )
        )  # fmt: skip
    return Record(actor, len(events), dump(events))
