"""A collector hears of a new pepper while it runs, and takes events before, during and after the change."""

from __future__ import annotations

from pathlib import Path

import httpx

from civicrec.clock import utc_now
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import Event, load
from civicrec.security.peppers import Change, Peppers, keep_peppers
from civicrec.security.tokens import Keys, load_keys
from civicrec.settings import Settings
from tests.builders import raw_event
from tests.running import running_collector, wait_for

NEW = "cd" * 32


def test_a_running_collector_goes_over_to_a_new_pepper(tmp_path: Path) -> None:
    with running_collector(tmp_path) as collector:
        keys = load_keys(Settings(home=tmp_path))
        after = Keys(keys.pepper, keys.site_keys, (bytes.fromhex(NEW),))
        token, n = keys.sign("demo", "me", utc_now()), 0

        def sent() -> Event:
            nonlocal n
            n += 1
            event = raw_event("search", n=n, at=utc_now(), subject_token=token)
            httpx.post(f"{collector.url}/v1/events", json={"events": [event]}).raise_for_status()
            log = SqliteEventLog(Settings(home=tmp_path).log_path, readonly=True)
            try:
                return load(log.read(0, log.head())[-1].record.value)[0][-1]
            finally:
                log.close()

        assert (sent().subject_id, sent().pepper) == (keys.subject_id("demo", "me"), 0)
        keep_peppers(tmp_path, Peppers(change=Change(NEW)))
        assert sent().subject_id == keys.subject_id("demo", "me")
        keep_peppers(tmp_path, Peppers((NEW,)))
        wait_for(lambda: sent().pepper == 1, 20, lambda: "events under the new pepper")
        assert sent().subject_id == after.subject_id("demo", "me") == after.renamed(keys.subject_id("demo", "me"), 0)
