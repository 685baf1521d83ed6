"""``kill -9`` of each process under load, as a crash would: nothing accepted is lost, nothing counts twice."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from civicrec.clients import redis_client
from civicrec.clock import rfc3339, utc_now
from civicrec.eventlog.books import Books, read_books
from civicrec.eventlog.ledger import Ledger
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, load
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import open_registry
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.redis_store import RedisOnlineStore
from tests.builders import uuid7
from tests.running import RunningStack, running_stack, settings_on_free_ports, wait_for
from tests.streaming import oracle
from tests.streaming.world import ITEM_TYPES

PROCESSES = ("valkey", "warehouse", "collect", "stream")
KINDS = ("impression", "impression", "impression", "click", "read", "favourite", "page_view")
BATCH = 50
SENDERS = 3


class Sender(threading.Thread):
    """A portal that sends batches and repeats each, byte for byte, until it is answered with 200."""

    def __init__(self, number: int, url: str, pause_s: float) -> None:
        super().__init__(name=f"sender-{number}")
        self.acknowledged: list[str] = []
        self.repeats = 0
        self.stopped = threading.Event()
        self.refused: list[Any] = []
        self._number, self._url, self._pause_s = number, url, pause_s
        self._rng = random.Random(number)

    def run(self) -> None:
        n = 0
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while not self.stopped.is_set():
                batch = [self._event(n + k) for k in range(BATCH)]
                n += BATCH
                self._send(client, {"sent_at": rfc3339(utc_now()), "events": batch})
                time.sleep(self._pause_s)

    def _send(self, client: httpx.Client, body: dict[str, Any]) -> None:
        while True:
            try:
                answer = client.post("/v1/events", json=body)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 200:
                self.refused += answer.json()["rejected"]
                self.acknowledged += [event["event_id"] for event in body["events"]]
                return
            self.repeats += 1
            time.sleep(0.05)

    def _event(self, n: int) -> dict[str, Any]:
        now = utc_now()
        return {
            "event_id": str(uuid7(now, n * SENDERS + self._number)), "kind": self._rng.choice(KINDS),
            "occurred_at": rfc3339(now), "site": "demo", "anonymous_id": f"visitor-{self._rng.randrange(300)}",
            "item_id": self._rng.choice(list(ITEM_TYPES)),
            "consent": self._rng.choice(["measure", "personalise"]),
        }  # fmt: skip


class Auditor(threading.Thread):
    """Reads the books all the time and keeps those that do not balance."""

    def __init__(self, stack: RunningStack) -> None:
        super().__init__(name="auditor")
        self.stopped = threading.Event()
        self.readings = 0
        self.unbalanced: list[Books] = []
        self._settings = stack.settings

    def run(self) -> None:
        while not self.stopped.wait(0.01):
            books = read_books(self._settings)
            self.readings += 1
            if not books.balanced:
                self.unbalanced.append(books)


@contextmanager
def load_on(stack: RunningStack, pause_s: float) -> Iterator[list[Sender]]:
    senders = [Sender(number, stack.collector_url, pause_s) for number in range(SENDERS)]
    auditor = Auditor(stack)
    for thread in (*senders, auditor):
        thread.start()
    try:
        yield senders
    finally:
        for thread in (*senders, auditor):
            thread.stopped.set()
        for thread in (*senders, auditor):
            thread.join(120)
    assert auditor.readings > 50
    assert auditor.unbalanced == []


def kill_in_turn(stack: RunningStack, names: list[str], rng: random.Random) -> None:
    for name in names:
        time.sleep(rng.uniform(0.5, 2.5))
        stack.wait_restarted(name, stack.kill(name), 120)


def n_sent(senders: list[Sender]) -> int:
    return sum(len(sender.acknowledged) for sender in senders)


def survive(home: Path, rounds: int, at_least: int, pause_s: float) -> None:
    rng = random.Random(rounds)
    settings = settings_on_free_ports(home)
    registry = open_registry(settings.registry_address)
    upsert_items(registry, [Item(item_id=name, item_type="policy", title=name) for name in ITEM_TYPES])
    registry.dispose()
    with running_stack(home, only=PROCESSES, settings=settings) as stack:
        with load_on(stack, pause_s) as senders:
            wait_for(lambda: read_books(stack.settings).stored > 0, 60, "the first stored event")
            for _ in range(rounds):
                kill_in_turn(stack, rng.sample(PROCESSES, len(PROCESSES)), rng)
            wait_for(lambda: n_sent(senders) >= at_least, 600, f"{at_least} events")
        wait_for(lambda: read_books(stack.settings).pending == 0, 120, "an empty backlog")
        sent = [event_id for sender in senders for event_id in sender.acknowledged]
        assert len(sent) >= at_least
        assert sum(sender.repeats for sender in senders) > 0
        assert [refusal for sender in senders for refusal in sender.refused] == []
        assert_books(stack, len(sent))
        assert_events_are_there_once(stack, sent)
        assert_online_store_equals_the_log(stack)


def assert_books(stack: RunningStack, n_events: int) -> None:
    books = read_books(stack.settings)
    assert books.balanced
    assert (books.accepted, books.stored, books.rejected, books.pending) == (n_events, n_events, {}, 0)


def assert_events_are_there_once(stack: RunningStack, sent: list[str]) -> None:
    with closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse:
        counted = warehouse.query("SELECT toString(event_id) AS id, count() AS n FROM events GROUP BY id").to_pydict()
        (final,) = warehouse.rows("SELECT count() AS n FROM events FINAL")
    assert set(counted["id"]) == set(sent)
    doubled = [(name, n) for name, n in zip(counted["id"], counted["n"], strict=True) if n != 1]
    assert doubled == []
    assert final["n"] == len(sent)


def assert_online_store_equals_the_log(stack: RunningStack) -> None:
    with (
        closing(SqliteEventLog(stack.settings.log_path, readonly=True)) as log,
        closing(Ledger(stack.settings.stream_path)) as ledger,
        closing(redis_client(stack.settings.redis)) as redis,
    ):
        batches: list[list[Event]] = [
            [event for record in log.read(plan.first, plan.last) for event in load(record.record.value)[0]]
            for plan, _, _ in ledger.batches()
        ]
        store = RedisOnlineStore(redis)
        expected = oracle.trends(batches)
        assert store.trends(list(expected)) == expected
        events = [event for batch in batches for event in batch]
        for actor in sorted({event.actor for event in events})[:20]:
            kept = [(item.item_id, item.at_ms) for item in store.actor(actor).recent]
            assert kept == oracle.recent(events, actor)


@pytest.mark.stack
@pytest.mark.timeout(400)
def test_kill_nine_of_each_process_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive(tmp_path, rounds=1, at_least=20_000, pause_s=0.05)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_kill_nine_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive(tmp_path, rounds=6, at_least=100_000, pause_s=0.02)
