"""Killed with a log full of events nobody has read yet, the collector is back in five seconds and knows them all."""

from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest

from civicrec.accounting.books import read_books
from civicrec.eventlog.sqlite import SqliteEventLog
from operations.bench.batches import EVENTS_PER_REQUEST
from operations.bench.log_limits import leave_pending
from tests.running import RunningCollector, running_collector, settings_on_free_ports

#: Of the processor's time: the wall's depends on who else uses the machine, and `ready_s` in `civicrec bench collect`
#: says it.
MOST_S = 5.0


def back_in_time(home: Path, n_records: int) -> None:
    leave_pending(home, n_records)
    assert settings_on_free_ports(home).log_path.with_name("events.sqlite-wal").stat().st_size > 0
    with running_collector(home) as collector:
        for _ in range(2):  # the first start finds ids in the log alone, the second finds them as any crash leaves them
            times = psutil.Process(collector.pid).cpu_times()
            assert times.user + times.system < MOST_S
            assert_every_record_is_known(collector, n_records)
            collector.end()
            collector.start()
        books = read_books(collector.settings)
        assert (books.accepted, books.pending) == (n_records * EVENTS_PER_REQUEST,) * 2


def assert_every_record_is_known(collector: RunningCollector, n_records: int) -> None:
    with closing(SqliteEventLog(collector.settings.log_path, readonly=True)) as log:
        for offset in (1, n_records // 2, n_records):
            (found,) = log.read(offset - 1, offset)
            body = b'{"events": %s}' % found.record.value
            answer = httpx.post(f"{collector.url}/v1/events", content=body, verify=False)
            assert answer.json() == {"accepted": 0, "duplicates": EVENTS_PER_REQUEST, "rejected": []}


@pytest.mark.timeout(300)
def test_with_two_hundred_thousand_events_pending_the_collector_is_back_in_time(tmp_path: Path) -> None:
    back_in_time(tmp_path, 20_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_with_a_million_events_pending_the_collector_is_back_in_time(tmp_path: Path) -> None:
    back_in_time(tmp_path, 100_000)
