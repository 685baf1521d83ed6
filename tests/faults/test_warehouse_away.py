"""The warehouse away for minutes under load: nobody is refused, nothing is lost or doubled, the backlog drains."""

import time
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from tests.faults.apart import apart
from tests.faults.load import fill_catalogue, load_on, n_sent
from tests.faults.test_kill import assert_everything_counts_once
from tests.running import running_stack, settings_on_free_ports, wait_for


def survive(home: Path, away_s: float, pause_s: float, at_least: int) -> None:
    settings = settings_on_free_ports(home)
    fill_catalogue(settings)
    with (
        running_stack(home, only=("valkey", "collect", "stream"), settings=settings) as stack,
        load_on(stack.collector_url, settings, pause_s) as senders,
    ):
        with apart(stack, "warehouse"):
            wait_for(lambda: read_books(settings).stored > 1_000, 60, "events in the warehouse")
        stored = read_books(settings).stored
        time.sleep(away_s)
        assert read_books(settings).stored - stored < 30_000  # one batch may have been under way
        assert {status for sender in senders for status in sender.statuses} == {200}
        waiting = read_books(settings).pending
        with apart(stack, "warehouse"):
            began = time.monotonic()
            wait_for(lambda: read_books(settings).pending < 5_000, 300, "a drained backlog")
            print(  # noqa: T201  # shown by `pytest -s`
                f"{waiting} events waited, drained in {time.monotonic() - began:.1f} s under load"
            )
            for sender in senders:
                sender.stopped.set()
            for sender in senders:
                sender.join(60)
            assert n_sent(senders) >= at_least
            assert_everything_counts_once(stack, senders)


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_half_a_minute_without_a_warehouse_refuses_and_loses_nothing(tmp_path: Path) -> None:
    survive(tmp_path, away_s=30, pause_s=0.2, at_least=8_000)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(500)
def test_two_minutes_without_a_warehouse_refuse_and_lose_nothing(tmp_path: Path) -> None:
    survive(tmp_path, away_s=120, pause_s=0.2, at_least=40_000)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_ten_minutes_without_a_warehouse_refuse_and_lose_nothing(tmp_path: Path) -> None:
    survive(tmp_path, away_s=600, pause_s=0.2, at_least=200_000)
