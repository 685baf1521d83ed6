"""The stream goes on from an older ledger and takes the same offsets again, cut otherwise: nothing counts twice."""

from contextlib import closing
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from civicrec.accounting.progress import Partition
from civicrec.clients import redis_client
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.redis_store import RedisOnlineStore
from tests.faults.apart import apart
from tests.faults.backlog import wait_streamed
from tests.faults.kpis import assert_kpis_equal_what_was_sent
from tests.faults.load import Sender, fill_catalogue, load_on, n_sent
from tests.faults.test_kill import assert_books, assert_online_store_equals_the_log
from tests.operations.stack.test_backup import copy_in_use
from tests.running import RunningStack, running_stack, settings_without_crowds, wait_for

pytestmark = pytest.mark.stack


def survive(home: Path, rounds: int, again: int, at_least: int, pause_s: float) -> None:
    settings, older = settings_without_crowds(home), home / "older.sqlite"
    fill_catalogue(settings)
    twice: list[int] = []

    def stored() -> int:
        return read_books(settings).stored

    with running_stack(home, only=("valkey", "warehouse", "collect"), settings=settings) as stack:
        with load_on(stack.collector_url, settings, pause_s) as senders:
            for _ in range(rounds):
                with apart(stack, "stream"):
                    wait_for(lambda before=stored(): stored() > before, 300, "the first batch")
                    copy_in_use(settings.stream_path, older)
                    wait_for(lambda before=stored(): stored() >= before + again, 300, "the load")
                done = stored()
                copy_in_use(older, settings.stream_path)
                twice.append(done - stored())
            wait_for(lambda: n_sent(senders) >= at_least, 300, f"{at_least} events")
        with apart(stack, "stream"):
            wait_streamed(settings)
        print(f"\n{n_sent(senders)} events, of which {twice} were delivered again")  # noqa: T201  # shown by `pytest -s`
        assert min(twice) >= again
        assert_each_counts_once(stack, senders)


def assert_each_counts_once(stack: RunningStack, senders: list[Sender]) -> None:
    sent = [event_id for sender in senders for event_id in sender.acknowledged]
    assert_books(stack, len(sent))
    with (
        closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse,
        closing(redis_client(stack.settings.redis)) as redis,
        closing(SqliteEventLog(stack.settings.log_path, readonly=True)) as log,
    ):
        ids = warehouse.query("SELECT toString(event_id) AS id FROM events FINAL").to_pydict()["id"]
        assert sorted(ids) == sorted(sent)
        progress = RedisOnlineStore(redis).progress(log.name)
        assert (progress.stored, progress.rejected, progress.reached) == (len(sent), {}, {Partition(): log.head()})
    assert_online_store_equals_the_log(stack)
    assert_kpis_equal_what_was_sent(stack.settings, senders)


@pytest.mark.timeout(200)
def test_thousands_of_offsets_delivered_again_count_once(tmp_path: Path) -> None:
    survive(tmp_path, rounds=1, again=2_000, at_least=3_000, pause_s=0.1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_tens_of_thousands_of_offsets_delivered_again_and_again_count_once(tmp_path: Path) -> None:
    survive(tmp_path, rounds=4, again=15_000, at_least=100_000, pause_s=0.02)
