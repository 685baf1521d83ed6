"""A city of its own on shared stores: log, ledger and registry, and a stream that a test runs by hand."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from civicrec.accounting.ledger import Ledger
from civicrec.accounting.proofs import Hole, Proofs
from civicrec.clients import redis_client
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, dump
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import registry_at
from civicrec.settings import StreamSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.redis_store import RedisOnlineStore
from streaming.embedded import Driver
from streaming.prove import Prover
from streaming.registry import RegistrySnapshot
from streaming.sinks import Stores
from tests.builders import NOON, an_event
from tests.running import RunningStack


class City:
    """A log, a ledger and a registry of their own on shared stores; `stream` does what the stream process does."""

    def __init__(self, stack: RunningStack, home: Path) -> None:
        self.stack = stack
        self.settings = stack.settings.model_copy(update={"home": home})
        self.warehouse = ClickHouseWarehouse(self.settings.warehouse)
        self.log = SqliteEventLog(self.settings.log_path)
        with closing(redis_client(self.settings.redis)) as redis:
            redis.flushall()

    def close(self) -> None:
        self.log.close()
        self.warehouse.close()

    def catalogue(self, *names: str) -> None:
        with registry_at(self.settings.registry_address) as registry:
            upsert_items(registry, [Item(item_id=name, item_type="policy", title=name) for name in names])

    def send(self, *events: Event) -> None:
        for event in events:
            self.log.append([Record(event.actor, 1, dump([event]))])

    def break_off(self, value: bytes, n_events: int) -> None:
        """Put a record into the log that cannot be read."""
        self.log.append([Record("a:broken", n_events, value)])

    def stream(self) -> None:
        with (
            registry_at(self.settings.registry_address) as registry,
            closing(Ledger(self.settings.stream_path)) as ledger,
            closing(redis_client(self.settings.redis)) as redis,
        ):
            online = RedisOnlineStore(redis)
            driver = Driver(
                self.log, ledger, Stores(self.warehouse, online, RegistrySnapshot(registry)), StreamSettings(),
                lambda _: online.set_complete(True),
            )  # fmt: skip
            while driver.step():
                pass
            driver.close()

    def rows(self, names: str = "*") -> list[dict[str, Any]]:
        return self.warehouse.rows(f"SELECT {names} FROM events FINAL ORDER BY log_offset")

    def recent(self, actor: str) -> list[str]:
        with closing(redis_client(self.settings.redis)) as redis:
            store = RedisOnlineStore(redis)
            assert store.is_complete()
            return [item.item_id for item in store.actor(actor).recent]

    def count(self) -> list[Hole]:
        """Count what the stream has written, as it does now and then."""
        with (
            registry_at(self.settings.registry_address) as registry,
            closing(Ledger(self.settings.stream_path)) as ledger,
        ):
            return Prover(self.log, Proofs(ledger), self.warehouse, RegistrySnapshot(registry), 86_400).count()


def clicks(n: int, item: str = "i1", **fields: Any) -> list[Event]:
    return [an_event("click", item, k, NOON + timedelta(seconds=k), consent="personalise", **fields) for k in range(n)]
