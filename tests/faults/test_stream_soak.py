"""The stream under steady load for long: its memory stays where it was, and nothing is lost or doubled on the way."""

import time
from pathlib import Path

import psutil
import pytest

from civicrec.accounting.books import read_books
from operations.harness.load import rss_mb
from tests.faults.backlog import wait_streamed
from tests.faults.load import fill_catalogue, load_on
from tests.faults.test_kill import assert_books, assert_events_are_there_once
from tests.running import running_stack, settings_on_free_ports, wait_for


def soak(home: Path, warm_s: float, minutes: float) -> None:
    settings = settings_on_free_ports(home)
    fill_catalogue(settings)
    with running_stack(home, only=("valkey", "warehouse", "collect", "stream"), settings=settings) as stack:
        with load_on(stack.collector_url, settings, pause_s=0.5) as senders:
            wait_for(lambda: read_books(settings).stored > 1_000, 60, "events in the warehouse")
            time.sleep(warm_s)
            pid = stack.pids()["stream"]
            stream = psutil.Process(pid)
            readings = [rss_mb(stream)]
            until = time.monotonic() + 60 * minutes
            while time.monotonic() < until:
                time.sleep(5)
                readings.append(rss_mb(stream))
        wait_streamed(settings)
        sent = [event_id for sender in senders for event_id in sender.acknowledged]
        print(f"{len(sent)} events, {min(readings):.0f}-{max(readings):.0f} MB")  # noqa: T201  # shown by `pytest -s`
        assert stack.pids()["stream"] == pid
        assert max(readings) < 1.1 * readings[0]
        assert_books(stack, len(sent))
        assert_events_are_there_once(stack, sent)


@pytest.mark.stack
@pytest.mark.timeout(200)
def test_memory_of_the_stream_is_flat_for_a_while(tmp_path: Path) -> None:
    soak(tmp_path, warm_s=5, minutes=0.25)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(4_000)
def test_memory_of_the_stream_is_flat_for_an_hour(tmp_path: Path) -> None:
    soak(tmp_path, warm_s=60, minutes=60)
