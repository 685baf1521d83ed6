"""The machine's clock jumps back an hour under load, as when a wrong time is set right: nothing is lost or doubled."""

import os
import time
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from tests.faults.load import load_on, n_sent
from tests.faults.reader import Reader
from tests.running import running_collector, wait_for

#: Debian's package `faketime`: a library that answers for the clock, and reads the offset from a file.
LIBRARY = next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "")


def survive(home: Path, jumps: tuple[str, ...], at_least: int) -> None:
    if not LIBRARY:
        pytest.skip("Debian's package faketime is not installed; tests/collectors/test_seen.py jumps in process")
    offset = home / "offset"
    offset.write_text("+0s")
    env = {
        "LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # the kernel's monotonic clock does not jump either
        "CIVICREC_COLLECTOR__DEDUP_WINDOW": "4000", "CIVICREC_COLLECTOR__LOG_MAX_MB": "4",
    }  # fmt: skip
    with running_collector(home / "spool", env) as collector:
        reader = Reader(collector.settings)
        reader.start()
        with load_on(collector.url, collector.settings, pause_s=0.0, again=0.2) as senders:
            for n, jump in enumerate(jumps, 1):
                wait_for(lambda n=n: n_sent(senders) >= at_least * n // (len(jumps) + 1), 300, "the load")
                assert n_sent(senders) > 0
                # Written beside and renamed, so that the library never reads half of it.
                offset.with_suffix(".new").write_text(jump)
                os.replace(offset.with_suffix(".new"), offset)
                time.sleep(2.0)  # the library looks once a second; the load goes on under the new clock
            wait_for(lambda: n_sent(senders) >= at_least, 300, f"{at_least} events")
            time.sleep(0.5)
        kept = reader.finish()
        assert reader.went_back_s > 3_500, "the collector's clock never went back"
        sent = [event_id for sender in senders for event_id in sender.acknowledged]
        assert len(kept) == len(set(kept))
        assert set(kept) == set(sent)
        assert sum(sender.duplicates for sender in senders) > at_least // 20
        books = read_books(collector.settings)
        assert (books.accepted, books.stored, books.pending, books.balanced) == (len(sent), len(sent), 0, True)
        assert books.received == books.accepted + books.duplicates


@pytest.mark.timeout(300)
def test_clock_that_jumps_back_an_hour_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive(tmp_path, ("-3600s",), at_least=8_000)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_clock_that_jumps_back_and_forth_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive(tmp_path, ("-3600s", "+0s", "-3600s", "-7200s"), at_least=100_000)
