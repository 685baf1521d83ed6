"""``kill -9`` of each process under load, as a crash would: nothing accepted is lost, nothing counts twice."""

import random
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from civicrec.clients import redis_client
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, load
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.bounds import MAX_HOURS
from profiles.online.redis_store import RedisOnlineStore
from tests.faults.backlog import wait_streamed
from tests.faults.kpis import assert_kpis_equal_what_was_sent
from tests.faults.load import Sender, fill_catalogue, load_on, n_sent
from tests.running import RunningStack, running_stack, settings_without_crowds, wait_for
from tests.streaming import oracle
from tests.streaming.world import ITEM_TYPES

PROCESSES = ("valkey", "warehouse", "collect", "stream")


def kill_in_turn(stack: RunningStack, names: list[str], rng: random.Random) -> None:
    for name in names:
        time.sleep(rng.uniform(0.5, 2.5))
        stack.wait_restarted(name, stack.kill(name), 120)


def survive(home: Path, rounds: int, at_least: int, pause_s: float) -> None:
    rng = random.Random(rounds)
    settings = settings_without_crowds(home)
    fill_catalogue(settings)
    with running_stack(home, only=PROCESSES, settings=settings) as stack:
        with load_on(stack.collector_url, stack.settings, pause_s) as senders:
            wait_for(lambda: read_books(stack.settings).stored > 0, 60, "the first stored event")
            for _ in range(rounds):
                kill_in_turn(stack, rng.sample(PROCESSES, len(PROCESSES)), rng)
            wait_for(lambda: n_sent(senders) >= at_least, 600, f"{at_least} events")
        assert sum(sender.repeats for sender in senders) > 0
        assert_everything_counts_once(stack, senders)


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
        closing(redis_client(stack.settings.redis)) as redis,
    ):
        # The stream takes the interactions of one record in order of time.
        events = [
            event
            for found in log.read(0, log.head())
            for event in sorted(load(found.record.value)[0], key=lambda event: (event.occurred_at, event.item_id))
        ]
        store = RedisOnlineStore(redis)
        # Of the late hours the store holds the newest.
        trends = dict(sorted(oracle.trends([events]).items())[-MAX_HOURS:])
        assert store.trends(list(trends)) == trends
        by_actor: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            by_actor[event.actor].append(event)
        for actor, mine in by_actor.items():
            assert [(item.item_id, item.at_ms) for item in store.actor(actor).recent] == oracle.recent(mine, actor)
        pairs = {item: dict(others) for item, others in store.co_clicks(list(ITEM_TYPES)).items()}
        expected = oracle.co_clicks(events)
        assert pairs.keys() == expected.keys()
        for item, others in expected.items():
            assert pairs[item] == pytest.approx(others)


def assert_everything_counts_once(stack: RunningStack, senders: list[Sender]) -> None:
    """What was answered with 200 is in every store, table and report once, after it has been streamed."""
    wait_streamed(stack.settings)
    sent = [event_id for sender in senders for event_id in sender.acknowledged]
    assert_books(stack, len(sent))
    assert_events_are_there_once(stack, sent)
    assert_online_store_equals_the_log(stack)
    assert_kpis_equal_what_was_sent(stack.settings, senders)


def killed(stack: RunningStack, name: str) -> float:
    """Kill one process; return the seconds until an event is stored that was accepted afterwards."""
    began, old = time.monotonic(), stack.kill(name)
    accepted = read_books(stack.settings).accepted
    wait_for(lambda: read_books(stack.settings).stored > accepted, 120, f"events after the end of {name}")
    took = time.monotonic() - began
    stack.wait_restarted(name, old)
    return took


def survive_each(home: Path, names: Sequence[str], at_least: int, pause_s: float = 0.02, late_days: float = 0) -> None:
    """Kill these processes one after the other, each when events are stored again after the one before."""
    rng = random.Random(" ".join(names))
    settings = settings_without_crowds(home)
    fill_catalogue(settings)
    took: list[tuple[str, float]] = []
    with running_stack(home, only=PROCESSES, settings=settings) as stack:
        with load_on(stack.collector_url, settings, pause_s, again=0.05, late_days=late_days) as senders:
            wait_for(lambda: read_books(settings).stored > 0, 60, "the first stored event")
            for n, name in enumerate(names, 1):
                wait_for(lambda n=n: n_sent(senders) >= at_least * n // (len(names) + 1), 300, "the load")
                time.sleep(rng.uniform(0.0, 1.0))
                took.append((name, killed(stack, name)))
            wait_for(lambda: n_sent(senders) >= at_least, 600, f"{at_least} events")
        again = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took)
        print(f"\n{n_sent(senders)} events, stored again after the end of {again}")  # noqa: T201  # shown by `pytest -s`
        assert_everything_counts_once(stack, senders)
        # A killed store comes back with its data.
        assert (stack.log.count("online_store_begun"), stack.log.count("online_store_rebuilt")) == (1, 0)
        assert max(seconds for _, seconds in took) < 60


@pytest.mark.stack
@pytest.mark.timeout(400)
def test_kill_nine_of_each_process_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive(tmp_path, rounds=1, at_least=20_000, pause_s=0.05)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_kill_nine_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive(tmp_path, rounds=6, at_least=100_000, pause_s=0.02)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PROCESSES)
def test_kill_nine_of_one_process_again_and_again_loses_and_doubles_nothing(tmp_path: Path, name: str) -> None:
    survive_each(tmp_path, [name] * 4, at_least=100_000)
