"""The online store wiped under load, as by a failed disk: lists are back within a minute, exactly."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.books import read_books
from civicrec.accounting.ledger import ledger_totals
from civicrec.clients import redis_client
from civicrec.clock import to_ms, utc_now
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import ServedStore
from profiles.online.redis_store import RedisOnlineStore
from streaming.repair.rebuild import done_so_far, rebuild_online
from tests.faults.backlog import wait_streamed
from tests.faults.load import fill_catalogue, load_on, n_sent
from tests.running import RunningStack, running_stack, settings_on_free_ports, wait_for
from tests.streaming.world import ITEM_TYPES

PROCESSES = ("valkey", "warehouse", "collect", "stream")


def wipe(stack: RunningStack) -> float:
    """Wipe the store and return the seconds until it is complete again."""
    with closing(redis_client(stack.settings.redis)) as redis:
        assert redis.dbsize() > 100
        redis.flushall()
        began = time.monotonic()
        wait_for(RedisOnlineStore(redis).is_complete, 60, "a complete store")
        return time.monotonic() - began


def contents(store: ServedStore, actors: list[str], hours: list[int]) -> dict[str, Any]:
    return {
        "actors": {actor: store.actor(actor) for actor in actors},
        "trends": store.trends(hours),
        "co_clicks": {item: dict(pairs) for item, pairs in store.co_clicks(list(ITEM_TYPES)).items()},
    }


def assert_equal_to_a_rebuilt_one(settings: Settings) -> None:
    reference = MemoryOnlineStore()
    with (
        closing(SqliteEventLog(settings.log_path, readonly=True)) as log,
        closing(ClickHouseWarehouse(settings.warehouse)) as warehouse,
        closing(redis_client(settings.redis)) as redis,
    ):
        rebuild_online(warehouse, reference, done_so_far(log, ledger_totals(settings.stream_path)), utc_now())
        actors = [row["actor"] for row in warehouse.rows("SELECT DISTINCT actor FROM events ORDER BY actor")]
        hour = to_ms(utc_now()) // 3_600_000
        found, expected = (contents(store, actors, [hour - 1, hour]) for store in (RedisOnlineStore(redis), reference))
    assert len(actors) > 50
    assert found["actors"] == expected["actors"]
    assert found["trends"] == expected["trends"]
    assert found["co_clicks"].keys() == expected["co_clicks"].keys()
    for item, others in expected["co_clicks"].items():
        assert found["co_clicks"][item] == pytest.approx(others)


def survive(home: Path, wipes: int, at_least: int, pause_s: float) -> None:
    settings = settings_on_free_ports(home)
    fill_catalogue(settings)
    with running_stack(home, only=PROCESSES, settings=settings) as stack:
        with load_on(stack.collector_url, stack.settings, pause_s) as senders:
            for part in range(1, wipes + 1):
                wait_for(lambda: read_books(settings).stored >= at_least * part // (wipes + 1), 600, "events")  # noqa: B023
                print(  # noqa: T201  # shown by `pytest -s`
                    f"complete again after {wipe(stack):.1f} s, {n_sent(senders)} events sent"
                )
            wait_for(lambda: n_sent(senders) >= at_least, 600, f"{at_least} events")
        wait_streamed(settings)
        assert_equal_to_a_rebuilt_one(settings)
        assert stack.civicrec("rebuild-online").stdout == "restored\n"  # by the stream that runs
        assert_equal_to_a_rebuilt_one(settings)
    with (
        running_stack(home, only=("valkey", "warehouse"), settings=settings) as stores,
        closing(redis_client(settings.redis)) as redis,
    ):
        redis.flushall()
        assert "interactions and the tags of 0 actors restored" in stores.civicrec("rebuild-online").stdout  # by itself
        assert_equal_to_a_rebuilt_one(settings)


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_a_store_wiped_under_load_is_back_within_a_minute_and_exact(tmp_path: Path) -> None:
    survive(tmp_path, wipes=2, at_least=15_000, pause_s=0.05)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_a_store_wiped_again_and_again_is_back_within_a_minute_and_exact(tmp_path: Path) -> None:
    survive(tmp_path, wipes=6, at_least=100_000, pause_s=0.02)
