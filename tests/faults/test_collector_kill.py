"""``kill -9`` of the collector under load, again and again: nothing accepted is lost, nothing is kept twice."""

import time
from pathlib import Path

import pytest

from civicrec.accounting.books import read_books
from tests.faults.load import load_on, n_sent
from tests.faults.reader import Reader
from tests.running import running_collector, wait_for

#: Small enough for most retries to be looked up in runs on disk, and for the log to be trimmed behind the reader.
SMALL = {"CIVICREC_COLLECTOR__DEDUP_WINDOW": "4000", "CIVICREC_COLLECTOR__LOG_MAX_MB": "4"}


def survive(home: Path, kills: int, every_s: float, at_least: int) -> None:
    with running_collector(home, SMALL) as collector:
        reader = Reader(collector.settings)
        reader.start()
        with load_on(collector.url, collector.settings, pause_s=0.0, again=0.2) as senders:
            for _ in range(kills):
                time.sleep(every_s)
                collector.end()
                collector.start(ready=False)
            wait_for(lambda: n_sent(senders) >= at_least, 600, f"{at_least} events")
        kept = reader.finish()
        sent = [event_id for sender in senders for event_id in sender.acknowledged]
        assert len(kept) == len(set(kept))
        assert set(kept) == set(sent)
        assert sum(sender.repeats for sender in senders) > 0
        assert sum(sender.duplicates for sender in senders) > at_least // 20
        books = read_books(collector.settings)
        assert (books.accepted, books.stored, books.pending, books.balanced) == (len(sent), len(sent), 0, True)
        assert books.received == books.accepted + books.duplicates
        assert list(collector.settings.ids_path.glob("*.ids"))


@pytest.mark.timeout(300)
def test_killed_under_load_the_collector_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive(tmp_path, kills=3, every_s=1.2, at_least=10_000)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_killed_every_five_seconds_for_a_minute_the_collector_loses_and_doubles_nothing(tmp_path: Path) -> None:
    survive(tmp_path, kills=12, every_s=5.0, at_least=100_000)
