"""The warehouse refuses inserts for a while under load, for reasons of its own: nothing is lost, doubled or mistold."""

import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.faults.load import fill_catalogue, load_on
from tests.faults.test_kill import assert_everything_counts_once
from tests.running import problems, running_stack, settings_without_crowds, wait_for

#: What makes it refuse, and what ends it.
REFUSALS = {
    "too many parts": (
        "ALTER TABLE events MODIFY SETTING parts_to_throw_insert = 1, parts_to_delay_insert = 1",
        "ALTER TABLE events RESET SETTING parts_to_throw_insert, parts_to_delay_insert",
    ),
    "a constraint": (
        "ALTER TABLE events ADD CONSTRAINT nothing CHECK log_offset = 0",
        "ALTER TABLE events DROP CONSTRAINT nothing",
    ),
    "no memory": (  # code 241: five thousand texts of a megabyte in one statement
        "ALTER TABLE events ADD CONSTRAINT memory CHECK length(arrayMap(x -> repeat('y', 1000000), range(5000))) > 0",
        "ALTER TABLE events DROP CONSTRAINT memory",
    ),
    "a table renamed": ("RENAME TABLE events TO away", "RENAME TABLE away TO events"),
    "a column renamed": (
        "ALTER TABLE events RENAME COLUMN slot TO place",
        "ALTER TABLE events RENAME COLUMN place TO slot",
    ),
    "a table that may only be read": (
        "ALTER TABLE events MODIFY SETTING table_readonly = 1",
        "ALTER TABLE events RESET SETTING table_readonly",
    ),
    "a fault of its own": (
        "ALTER TABLE events ADD CONSTRAINT failing CHECK throwIf(log_offset > 0) = 0",
        "ALTER TABLE events DROP CONSTRAINT failing",
    ),
}


def survive_refusals(
    home: Path, refusals: Mapping[str, tuple[str, str]], refused_s: float, pause_s: float = 0.1
) -> None:
    settings = settings_without_crowds(home)
    fill_catalogue(settings)
    with (
        running_stack(home, settings=settings, env={"CIVICREC_ALARMS__WAITING_S": "1"}) as stack,
        closing(ClickHouseWarehouse(settings.warehouse)) as warehouse,
        load_on(stack.collector_url, settings, pause_s, again=0.05) as senders,
    ):
        for reason, (begin, end) in refusals.items():
            stored = read_books(settings).stored
            wait_for(lambda stored=stored: read_books(settings).stored > stored, 120, "events in the warehouse")
            waited = stack.log.count("stream_waited") + stack.log.count("batch_failed")
            warehouse.command(begin)
            wait_for(
                lambda waited=waited: stack.log.count("stream_waited") + stack.log.count("batch_failed") > waited,
                60,
                f"a stream that is refused: {reason}",
            )
            stored = read_books(settings).stored
            time.sleep(refused_s)
            books = read_books(settings)
            assert (books.stored, books.missing) == (stored, 0), reason
            assert books.pending > 0
            wait_for(lambda: "events wait for the stream" in problems(stack), 30, "a word in the status")
            warehouse.command(end)
        for sender in senders:
            sender.stopped.set()
        for sender in senders:
            sender.join(120)
        assert_everything_counts_once(stack, senders)
        assert "MEMORY_LIMIT_EXCEEDED" in stack.log or not any(reason.startswith("no memory") for reason in refusals)
        assert "are counted again" in stack.civicrec("doctor", "--books").stdout


@pytest.mark.stack
@pytest.mark.timeout(400)
def test_a_warehouse_that_refuses_under_load_is_told_nothing_twice(tmp_path: Path) -> None:
    survive_refusals(tmp_path, {name: REFUSALS[name] for name in ("too many parts", "no memory")}, refused_s=2)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(3_000)
def test_a_warehouse_that_refuses_for_every_reason_again_and_again(tmp_path: Path) -> None:
    rounds = {f"{name}, {n}": how for n in range(4) for name, how in REFUSALS.items()}
    survive_refusals(tmp_path, rounds, refused_s=5, pause_s=0.25)
