"""An online store too small for what is sent: it sheds, it may be left out, and warehouse and books are exact."""

from contextlib import closing
from pathlib import Path

import httpx
import pytest

from civicrec.accounting.books import read_books
from civicrec.clients import redis_client
from civicrec.clock import utc_now
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.redis_store import RedisOnlineStore
from tests.builders import raw_event
from tests.faults.backlog import wait_streamed
from tests.faults.load import fill_catalogue
from tests.running import RunningStack, problems, running_stack, settings_on_free_ports, wait_for
from tests.streaming.world import ITEM_TYPES

ITEMS = sorted(ITEM_TYPES)
N_FLOOD = 20_000


def send(stack: RunningStack, who: list[tuple[str, str]], first: int) -> int:
    """Send one click for each (visitor, item); return how many."""
    with httpx.Client(base_url=stack.collector_url, timeout=60) as client:
        for begin in range(0, len(who), 500):
            events = [
                raw_event(
                    "click", n=first + begin + n, at=utc_now(), anonymous_id=name, item_id=item, consent="personalise"
                )
                for n, (name, item) in enumerate(who[begin : begin + 500])
            ]
            client.post("/v1/events", json={"events": events}).raise_for_status()
    return len(who)


@pytest.mark.slow
@pytest.mark.stack
def test_a_store_too_small_sheds_and_one_that_takes_nothing_is_left_out_and_rebuilt(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path)
    fill_catalogue(settings)
    # No bound in numbers keeps this one from being full.
    unbounded = {"CIVICREC_REDIS__MAX_ACTORS": "100000000", "CIVICREC_STREAM__ONLINE_PATIENCE_S": "2"}
    with running_stack(tmp_path, settings=settings, env=unbounded) as stack:
        n = send(stack, [("regular", item) for item in ITEMS[:3]], 0)
        wait_for(lambda: read_books(settings).pending == 0, 60, "the regular")
        with closing(redis_client(stack.settings.redis)) as redis:
            redis.config_set("maxmemory", "5mb")
        n += send(stack, [(f"flood-{number:032d}", ITEMS[number % len(ITEMS)]) for number in range(N_FLOOD)], n)
        wait_streamed(settings)
        with closing(redis_client(stack.settings.redis)) as redis:
            online = RedisOnlineStore(redis)
            state = online.state()
            assert state.shed["actors"] > 1_000
            assert state.is_complete
            (regular,) = [key for key in redis.scan_iter(match="recent:*regular")]
            assert redis.zcard(regular) == 3

            redis.config_set("maxmemory", "1mb")
            n += send(stack, [("late", item) for item in ITEMS[:2]], n)
            wait_for(lambda: read_books(settings).pending == 0, 60, "the warehouse, without the online store")
            wait_for(lambda: "left out" in problems(stack), 60, "a word")
            redis.config_set("maxmemory", "64mb")
            wait_for(online.is_complete, 120, "a complete store")
            wait_for(lambda: list(redis.scan_iter(match="recent:*late")), 30, "the late one")
            assert redis.zcard(regular) == 3
        wait_for(lambda: not problems(stack), 60, "no problem left")
        books = read_books(settings)
        assert (books.stored, books.balanced) == (n, True)
        with closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse:
            assert warehouse.rows("SELECT count() AS n FROM events FINAL")[0]["n"] == n
