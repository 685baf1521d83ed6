"""``kill -9`` of each process under load, as a crash would: nothing accepted is lost, nothing counts twice."""

import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from civicrec.clients import redis_client
from civicrec.eventlog.books import read_books
from civicrec.eventlog.ledger import Ledger
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, load
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.redis_store import RedisOnlineStore
from tests.faults.load import fill_catalogue, load_on, n_sent
from tests.running import RunningStack, running_stack, settings_on_free_ports, wait_for
from tests.streaming import oracle

PROCESSES = ("valkey", "warehouse", "collect", "stream")


def kill_in_turn(stack: RunningStack, names: list[str], rng: random.Random) -> None:
    for name in names:
        time.sleep(rng.uniform(0.5, 2.5))
        stack.wait_restarted(name, stack.kill(name), 120)


def survive(home: Path, rounds: int, at_least: int, pause_s: float) -> None:
    rng = random.Random(rounds)
    settings = settings_on_free_ports(home)
    fill_catalogue(settings)
    with running_stack(home, only=PROCESSES, settings=settings) as stack:
        with load_on(stack.collector_url, stack.settings, pause_s) as senders:
            wait_for(lambda: read_books(stack.settings).stored > 0, 60, "the first stored event")
            for _ in range(rounds):
                kill_in_turn(stack, rng.sample(PROCESSES, len(PROCESSES)), rng)
            wait_for(lambda: n_sent(senders) >= at_least, 600, f"{at_least} events")
        wait_for(lambda: read_books(stack.settings).pending == 0, 120, "an empty backlog")
        sent = [event_id for sender in senders for event_id in sender.acknowledged]
        assert len(sent) >= at_least
        assert sum(sender.repeats for sender in senders) > 0
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
