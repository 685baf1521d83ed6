from __future__ import annotations

import gzip
from pathlib import Path

import collectors
from civicrec.events import KINDS
from tests.collectors.conftest import Collector

SCRIPT = Path(collectors.__file__).parent / "static" / "c.js"


def test_tracker_is_at_most_five_kilobytes_packed() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes(), 9)) <= 5 * 1024


def test_tracker_is_served_as_it_stands(collector: Collector) -> None:
    answer = collector.get("/c.js")
    assert (answer.status_code, answer.content) == (200, SCRIPT.read_bytes())
    assert answer.headers["content-type"].startswith("text/javascript")


def test_tracker_sends_only_kinds_that_exist() -> None:
    text = SCRIPT.read_text()
    assert {kind for kind in KINDS if f"put('{kind}'" in text} == {"page_view", "impression", "click", "read"}
    assert text.count("put('") == 4
