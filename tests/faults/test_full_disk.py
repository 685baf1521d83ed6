"""The disk of the whole stack fills up under load and is freed again: what was answered 200 is stored once."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from civicrec.accounting.proofs import proved_position
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.settings import Settings
from tests.faults.backlog import wait_streamed
from tests.faults.disk import filled, small_disk
from tests.faults.kpis import assert_kpis_equal_what_was_sent
from tests.faults.load import fill_catalogue, load_on, n_sent
from tests.faults.test_kill import assert_books, assert_events_are_there_once
from tests.running import running_stack, settings_on_free_ports, wait_for

MIN_FREE_MB = 16


def head(settings: Settings) -> int:
    with closing(SqliteEventLog(settings.log_path, readonly=True)) as log:
        return log.head()


def accepted_of_a_full_second(settings: Settings, fill: Callable[[], int]) -> int:
    """Watch a full disk for a second, and see that nothing is taken that may find no space; 0 if there was some.

    The stack gives space back, parts that were merged for one, and then it takes events.
    """
    fill()
    time.sleep(0.5)  # what was let in before has its answer
    accepted, until, free = read_books(settings).accepted, time.monotonic() + 1, [fill()]
    while time.monotonic() < until:
        time.sleep(0.01)
        free.append(fill())
    if max(free) >= MIN_FREE_MB << 20:
        return 0
    assert read_books(settings).accepted == accepted
    return accepted


def survive_full_disks(folder: Path, left_kb: Sequence[int], pause_s: float, full_s: float) -> None:
    with small_disk(folder, 600) as disk:
        settings = settings_on_free_ports(disk / "home").model_copy(update={"min_free_disk_mb": MIN_FREE_MB})
        fill_catalogue(settings)
        with (
            running_stack(
                settings.home, settings=settings, env={"CIVICREC_MIN_FREE_DISK_MB": str(MIN_FREE_MB)}
            ) as stack,
            load_on(stack.collector_url, settings, pause_s) as senders,
        ):  # fmt: skip
            for left in left_kb:
                stored = read_books(settings).stored
                wait_for(lambda stored=stored: read_books(settings).stored > stored, 120, "events in the warehouse")
                with filled(disk, left << 10) as fill:
                    wait_for(
                        lambda: any(sender.answers[-1][2] == 503 for sender in senders), 60, "a collector that refuses"
                    )
                    time.sleep(full_s)
                    accepted = wait_for(lambda fill=fill: accepted_of_a_full_second(settings, fill), 60, "a full disk")
                wait_for(
                    lambda accepted=accepted: read_books(settings).accepted > accepted,
                    120,
                    "a collector that takes events",
                )
            for sender in senders:
                sender.stopped.set()
            for sender in senders:
                sender.join(120)
            print(f"\n{n_sent(senders)} events, {len(left_kb)} times full")  # noqa: T201  # shown by `pytest -s`
            wait_streamed(settings)
            # Not compared with the log: on a short disk it goes as soon as it is proved stored.
            sent = [event_id for sender in senders for event_id in sender.acknowledged]
            assert_books(stack, len(sent))
            assert_events_are_there_once(stack, sent)
            assert_kpis_equal_what_was_sent(settings, senders)
            wait_for(lambda: proved_position(settings.stream_path) == head(settings), 60, "all of it proved")
            assert read_books(settings).missing == 0


@pytest.mark.stack
@pytest.mark.timeout(400)
def test_a_disk_that_fills_up_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive_full_disks(tmp_path / "disk", [0], pause_s=0.1, full_s=2)


@pytest.mark.stack
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_disk_that_is_full_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive_full_disks(tmp_path / "disk", [8_000, 2_000, 1_200, 1_000, 500, 100, 10, 0] * 3, pause_s=0.05, full_s=8)
