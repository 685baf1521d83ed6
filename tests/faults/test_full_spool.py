"""The spool fills up under load, by its own limit or by a full disk, and there is space again: nothing is lost."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from civicrec.accounting.books import read_books
from tests.faults.load import Sender, load_on, n_sent
from tests.faults.reader import Reader
from tests.running import RunningCollector, running_collector, wait_for


def n_refused(senders: list[Sender]) -> int:
    return sum(sender.statuses[503] for sender in senders)


def readiness(collector: RunningCollector) -> httpx.Response:
    return httpx.get(f"{collector.url}/readyz", verify=False)


def assert_all_is_there_once(collector: RunningCollector, reader: Reader, senders: list[Sender]) -> None:
    kept = reader.finish()
    sent = [event_id for sender in senders for event_id in sender.acknowledged]
    assert len(kept) == len(set(kept))
    assert set(kept) == set(sent)
    books = read_books(collector.settings)
    assert (books.accepted, books.stored, books.pending, books.balanced) == (len(sent), len(sent), 0, True)
    assert books.received == books.accepted + books.duplicates


def survive_the_limit(home: Path, at_least: int, rounds: int) -> None:
    limit_mb = 4
    env = {"CIVICREC_COLLECTOR__LOG_MAX_MB": str(limit_mb), "CIVICREC_COLLECTOR__DEDUP_WINDOW": "4000"}
    with running_collector(home, env) as collector:
        ids: list[str] = []
        with load_on(collector.url, collector.settings, pause_s=0.0, again=0.1) as senders:
            for n in range(1, rounds + 1):
                refused = n_refused(senders)
                wait_for(lambda before=refused: n_refused(senders) > before + 10, 120, "the spool to be full")
                wait_for(lambda: readiness(collector).status_code == 503, 30, "a collector that says it refuses")
                answer = readiness(collector)
                assert "have not acknowledged" in answer.json()["detail"]
                reader = Reader(collector.settings)
                reader.start()
                goal = max(n_sent(senders) + at_least // rounds, at_least * n // rounds)
                wait_for(lambda goal=goal: n_sent(senders) >= goal, 300, "space again")
                if n < rounds:
                    reader.stop_where_it_is()
                    ids += reader.ids
        reader.ids = ids + reader.ids
        assert_all_is_there_once(collector, reader, senders)
        assert readiness(collector).status_code == 200
        # The file holds the bound, what came in between two looks, and nothing for every event there ever was.
        n_bytes = collector.settings.log_path.stat().st_size
        assert n_bytes < (limit_mb + 4) * 2**20
        assert n_sent(senders) >= at_least


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB."""
    if os.getuid() != 0:
        pytest.skip("only root may mount a small tmpfs to fill up")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def survive_a_full_disk(disk: Path, at_least: int, *, min_free_mb: int, why: str) -> None:
    env = {"CIVICREC_MIN_FREE_DISK_MB": str(min_free_mb), "CIVICREC_COLLECTOR__DEDUP_WINDOW": "4000"}
    with running_collector(disk, env) as collector:
        with load_on(collector.url, collector.settings, pause_s=0.0, again=0.1) as senders:
            wait_for(lambda: n_refused(senders) > 10, 120, "the disk to be full")
            answer = readiness(collector)
            assert answer.status_code == 503
            assert why in answer.json()["detail"]
            before = n_sent(senders)
            subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
            wait_for(lambda: n_sent(senders) >= max(at_least, before + 2_000), 300, "space again")
        assert readiness(collector).status_code == 200
        reader = Reader(collector.settings)
        reader.start()
        assert_all_is_there_once(collector, reader, senders)


@pytest.mark.timeout(300)
def test_spool_at_its_limit_refuses_keeps_all_it_took_and_goes_on_when_it_is_read(tmp_path: Path) -> None:
    survive_the_limit(tmp_path, at_least=20_000, rounds=2)


@pytest.mark.timeout(300)
def test_full_disk_refuses_keeps_all_it_took_and_goes_on_when_there_is_space(small_disk: Path) -> None:
    survive_a_full_disk(small_disk, at_least=10_000, min_free_mb=0, why="full")


@pytest.mark.timeout(300)
def test_nearly_full_disk_refuses_before_the_last_of_it_is_used(small_disk: Path) -> None:
    survive_a_full_disk(small_disk, at_least=10_000, min_free_mb=4, why="must stay")


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_spool_at_its_limit_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive_the_limit(tmp_path, at_least=120_000, rounds=6)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_full_disk_under_long_load_loses_and_doubles_nothing(small_disk: Path) -> None:
    survive_a_full_disk(small_disk, at_least=100_000, min_free_mb=0, why="full")
