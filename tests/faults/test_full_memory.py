"""A process gets no more memory under load: what was answered 200 is stored once, and the books say so."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from tests.faults.load import fill_catalogue, load_on
from tests.faults.memory import short_of_memory
from tests.faults.test_kill import assert_everything_counts_once
from tests.running import problems, running_stack, settings_without_crowds, wait_for

#: Waits are told after a second, so that the status must speak of each.
ENV = {"CIVICREC_ALARMS__WAITING_S": "1"}


def survive_short_memory(home: Path, names: Sequence[str], spare_mb: Sequence[int], short_s: float) -> None:
    settings = settings_without_crowds(home)
    fill_catalogue(settings)
    with running_stack(home, settings=settings, env=ENV) as stack:
        with load_on(stack.collector_url, settings, pause_s=0.05, again=0.05) as senders:
            for name in names:
                for spare in spare_mb:
                    stored = read_books(settings).stored
                    wait_for(lambda stored=stored: read_books(settings).stored > stored, 120, "events in the warehouse")
                    with short_of_memory(stack.pids()[name], spare):
                        time.sleep(short_s)
                        assert read_books(settings).missing == 0
        assert_everything_counts_once(stack, senders)
        wait_for(lambda: not problems(stack), 60, "no problem left")
        assert "are counted again" in stack.civicrec("doctor", "--books").stdout


@pytest.mark.stack
@pytest.mark.timeout(400)
def test_a_warehouse_short_of_memory_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive_short_memory(tmp_path, ["warehouse"], [4, 0], short_s=4)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("name", ["warehouse", "collect", "stream", "valkey", "serve"])
def test_a_process_short_of_memory_again_and_again_loses_and_doubles_nothing(tmp_path: Path, name: str) -> None:
    survive_short_memory(tmp_path, [name], [16, 8, 4, 2, 1, 0], short_s=8)
