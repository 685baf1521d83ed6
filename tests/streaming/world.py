"""A stream on stores in memory: the real log, ledger, graph and driver, and a warehouse that keeps rows by token."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from civicrec.accounting.ledger import Ledger
from civicrec.errors import Unavailable
from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import Record
from civicrec.events import Event, dump
from civicrec.settings import StreamSettings
from profiles.online.memory import MemoryOnlineStore
from streaming.embedded import Driver
from streaming.registry import RegistryFacts
from streaming.sinks import Stores

ITEM_TYPES = {f"i{n}": "policy" for n in range(30)}


class TokenWarehouse:
    """Keeps inserted rows, each token once, as ClickHouse does."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {"events": [], "dead_letters": []}
        self.tokens: list[str] = []

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], token: str = "") -> int:
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        if token not in self.tokens:
            self.tokens.append(token)
            self.tables[table] += rows
        return len(rows)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        raise NotImplementedError

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        raise NotImplementedError

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> int:
        raise NotImplementedError


class MemoryDeadLetters:
    """Keeps the newest dead letter of each key, as a compacted topic does."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int, int], bytes] = {}

    def put(self, columns: Mapping[str, Sequence[Any]]) -> None:
        keys = zip(columns["log"], columns["log_offset"], columns["piece"], strict=True)
        self.kept.update(zip(keys, columns["raw"], strict=True))


class FixedRegistry:
    def facts(self) -> RegistryFacts:
        return RegistryFacts(ITEM_TYPES)


@dataclass
class World:
    log: MemoryEventLog
    ledger: Ledger
    warehouse: TokenWarehouse
    online: MemoryOnlineStore
    driver: Driver
    dead_letters: MemoryDeadLetters
    fail: dict[str, int] = field(default_factory=dict)

    def send(self, events: Sequence[Event], in_record: int = 3) -> None:
        """Append events as the collector would: records of one actor each."""
        by_actor: dict[str, list[Event]] = {}
        for event in events:
            by_actor.setdefault(event.actor, []).append(event)
        for actor, mine in by_actor.items():
            for first in range(0, len(mine), in_record):
                part = mine[first : first + in_record]
                self.log.append([Record(actor, len(part), dump(part))])

    def drain(self) -> int:
        n = 0
        while step := self.driver.step():
            n += step
        return n

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.warehouse.tables["events"]

    @property
    def dead(self) -> list[dict[str, Any]]:
        return self.warehouse.tables["dead_letters"]


@contextmanager
def a_world(folder: Path, **settings: int) -> Iterator[World]:
    ledger = Ledger(folder / "stream.sqlite")
    log, warehouse, online, dead_letters = (
        MemoryEventLog(),
        TokenWarehouse(),
        MemoryOnlineStore(min_actors=1),
        MemoryDeadLetters(),
    )
    driver = Driver(
        log,
        ledger,
        Stores(warehouse, online, FixedRegistry(), dead_letters),
        StreamSettings(**settings),
        lambda _: online.set_complete(True),
    )
    try:
        yield World(log, ledger, warehouse, online, driver, dead_letters)
    finally:
        driver.close()
        ledger.close()


def failing_once(target: object, method: str, *, after: bool, matching: str = "") -> None:
    """Make the next call of a method fail, before or after it has done its work, as a crash or time-out would."""
    real: Callable[..., Any] = getattr(target, method)
    left = [1]

    def call(*arguments: Any, **words: Any) -> Any:
        if not left[0] or (matching and matching not in map(str, arguments)):
            return real(*arguments, **words)
        left[0] = 0
        if after:
            real(*arguments, **words)
        raise Unavailable(f"{method} was cut off")

    setattr(target, method, call)
