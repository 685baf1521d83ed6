"""A file of what happened before, through the steps of the collector, whose limits of age it need not keep.

In: lines. Out: batches of events that may be stored, and what is refused of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from civicrec.events import Dropped
from civicrec.text import printable
from collectors.arrival import Arrival, read_event
from collectors.facts.masking import masked_code
from collectors.replay.lines import Lines
from collectors.replay.replay import Verdict
from collectors.request_facts import RequestFacts
from collectors.steps import STEPS, ArrivalStep, drop_bad_time, put_region, take

_BATCH_EVENTS = 2_000
_FIRST_YEAR = 2000


@dataclass(slots=True)
class HistoryBatch:
    """Some lines: their events, what is refused, how many lines were not blank, and where they end."""

    line: int
    offset: int
    events: list[Arrival] = field(default_factory=list)
    refused: list[Verdict] = field(default_factory=list)
    lines: int = 0


def drop_what_is_not_past(event: Arrival, request: RequestFacts) -> Dropped | None:
    """End an event that has not happened yet, or before there were portals."""
    if event.occurred_at > request.received_at or event.occurred_at.year < _FIRST_YEAR:
        return Dropped("bad_time", f"occurred_at is not between {_FIRST_YEAR} and now")
    return None


def put_region_unchecked(event: Arrival, request: RequestFacts) -> None:
    """Keep the region: who loads a history answers for it."""
    event.region = masked_code(printable(event.region))[:64] if isinstance(event.region, str) else ""


_INSTEAD: dict[ArrivalStep, ArrivalStep] = {drop_bad_time: drop_what_is_not_past, put_region: put_region_unchecked}
HISTORY_STEPS = tuple(_INSTEAD.get(step, step) for step in STEPS)


def batches(lines: Lines, request: RequestFacts, line: int) -> Iterator[HistoryBatch]:
    """Judge the lines behind `line` and yield them some thousand at a time."""
    batch = HistoryBatch(line, lines.offset)
    for number, text in enumerate(lines, line + 1):
        batch.line, batch.offset = number, lines.offset
        if not text.strip():
            continue
        batch.lines += 1
        event = read_event(text, [])
        if isinstance(event, Arrival):
            event = take(event, request, HISTORY_STEPS)
        if isinstance(event, Arrival):
            batch.events.append(event)
        else:
            batch.refused.append(Verdict(number, event.reason, event.detail))
        if len(batch.events) + len(batch.refused) >= _BATCH_EVENTS:
            yield batch
            batch = HistoryBatch(number, lines.offset)
    yield batch
