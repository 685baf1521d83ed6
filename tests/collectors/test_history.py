"""Events of before, judged: of any age, else by the rules of the collector."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from civicrec.security.tokens import Keys
from collectors.replay.history import HISTORY_STEPS, batches
from collectors.replay.lines import open_lines
from collectors.request_facts import RequestFacts
from collectors.steps import STEPS
from tests.builders import NOON, raw_event


def test_history_goes_through_every_step_of_the_collector_but_its_limits_of_age() -> None:
    assert [step.__name__ for step in HISTORY_STEPS if step not in STEPS] == [
        "drop_what_is_not_past",
        "put_region_unchecked",
    ]
    assert len(HISTORY_STEPS) == len(STEPS)


def test_events_of_any_age_are_taken_and_the_rest_is_refused_by_line(tmp_path: Path) -> None:
    ages = [timedelta(minutes=1), timedelta(days=31), timedelta(days=20 * 365)]
    good = [raw_event("search", n=n, at=NOON - age, query="13800138000", region="440100") for n, age in enumerate(ages)]
    bad = [
        raw_event(at=NOON + timedelta(seconds=1)),
        raw_event(occurred_at="1999-12-31T00:00:00Z"),
        raw_event(consent="none"),
    ]
    path = tmp_path / "history"
    path.write_text("\n".join(map(json.dumps, [*good, *bad])) + "\n\n{broken\n")
    with open_lines(str(path)) as lines:
        [batch] = batches(lines, RequestFacts(NOON, Keys(b"pepper", {})), 0)
    assert [(event.query, event.region) for event in batch.events] == [("[tel]", "440100")] * 3
    assert [(no.line, no.reason) for no in batch.refused] == [
        (4, "bad_time"), (5, "bad_time"), (6, "no_consent"), (8, "bad_json"),
    ]  # fmt: skip
    assert (batch.line, batch.lines, batch.offset) == (8, 7, path.stat().st_size)


def test_batches_end_where_the_next_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(json.dumps(raw_event(n=n)) + "\n" for n in range(4_500)))
    request = RequestFacts(NOON, Keys(b"pepper", {}))
    with open_lines(str(path)) as lines:
        found = list(batches(lines, request, 0))
    assert [(batch.line, len(batch.events)) for batch in found] == [(2_000, 2_000), (4_000, 2_000), (4_500, 500)]
    with open_lines(str(path)) as lines:
        lines.seek(found[0].offset)
        again = list(batches(lines, request, found[0].line))
    assert [(batch.line, batch.offset) for batch in again] == [(batch.line, batch.offset) for batch in found[1:]]
