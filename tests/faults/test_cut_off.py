"""A batch fails halfway through its sinks, again and again: connections of the stream to its stores are cut under load.

Events are written first, then dead letters, and the online store last.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.faults.apart import apart, words_of
from tests.faults.backlog import wait_streamed
from tests.faults.kpis import assert_kpis_equal_what_was_sent
from tests.faults.load import Sender, fill_catalogue, load_on, n_sent
from tests.faults.proxy import CuttingProxy
from tests.faults.test_kill import assert_events_are_there_once, assert_online_store_equals_the_log
from tests.running import RunningStack, running_stack, settings_without_crowds, wait_for

#: The writes of a batch, in their order: the store, and what its request holds.
WRITES = (("WAREHOUSE", b"INSERT INTO `events`"), ("WAREHOUSE", b"INSERT INTO `dead_letters`"), ("REDIS", b"EVALSHA"))


@contextmanager
def proxies_to(settings: Settings) -> Iterator[dict[str, CuttingProxy]]:
    """Stand between the stream and its stores."""
    warehouse, online = CuttingProxy(settings.warehouse.port), CuttingProxy(settings.redis.port)
    with closing(warehouse), closing(online):
        yield {"WAREHOUSE": warehouse, "REDIS": online}


def survive(home: Path, at_least: int, pause_s: float, rounds: int) -> None:
    settings = settings_without_crowds(home)
    fill_catalogue(settings)
    with (
        running_stack(home, only=("valkey", "warehouse", "collect"), settings=settings) as stack,
        closing(SqliteEventLog(settings.log_path)) as log,
        proxies_to(settings) as proxies,
        apart(stack, "stream", {f"CIVICREC_{name}__PORT": str(proxy.port) for name, proxy in proxies.items()}),
    ):
        n_poison, began = 0, time.monotonic()
        with load_on(stack.collector_url, settings, pause_s) as senders:
            for n in count(1):
                for place in CuttingProxy.PLACES:
                    stored = read_books(settings).stored
                    wait_for(lambda stored=stored: read_books(settings).stored > stored, 60, "another batch")
                    for store, word in WRITES:
                        log.append([Record("poison", 1, b"\x00")])  # so that dead letters are written, too
                        n_poison += 1
                        proxies[store].cut(place, word)
                if n >= rounds and n_sent(senders) >= at_least:
                    break
        cuts = {name: dict(proxy.cuts) for name, proxy in proxies.items()}
        print(f"\n{n_sent(senders)} events in {time.monotonic() - began:.0f} s, cut: {cuts}")  # noqa: T201  # shown by `pytest -s`
        wait_streamed(settings)
        assert_counted_once(stack, senders, n_poison)
        said = words_of(stack, "stream").read_text()
        # The warehouse's client sends again by itself, once and under the same token.
        assert said.count("stream_waited") >= sum(cuts["REDIS"].values())
        assert "batch_failed" not in said  # a store that is away is no fault of the batch


def assert_counted_once(stack: RunningStack, senders: Sequence[Sender], n_poison: int) -> None:
    sent = [event_id for sender in senders for event_id in sender.acknowledged]
    books = read_books(stack.settings)
    assert books.balanced
    assert (books.accepted, books.stored, books.rejected) == (len(sent) + n_poison, len(sent), {"bad_json": n_poison})
    with closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse:
        (dead_letters,) = warehouse.rows("SELECT count() AS n, uniqExact(log_offset) AS different FROM dead_letters")
    assert dead_letters == {"n": n_poison, "different": n_poison}
    assert_events_are_there_once(stack, sent)
    assert_online_store_equals_the_log(stack)
    assert_kpis_equal_what_was_sent(stack.settings, senders)


@pytest.mark.stack
@pytest.mark.timeout(200)
def test_batches_cut_off_between_and_within_their_writes_count_once(tmp_path: Path) -> None:
    survive(tmp_path, at_least=3_000, pause_s=0.3, rounds=1)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_batches_cut_off_a_hundred_times_count_once(tmp_path: Path) -> None:
    survive(tmp_path, at_least=100_000, pause_s=0.1, rounds=9)
