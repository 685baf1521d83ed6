"""Events of people who asked to be erased, refused on their way into the stores: counted, and nothing of them kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace as replaced
from itertools import compress

from msgspec.structs import replace

from civicrec.erasure import ErasedNames
from civicrec.events import Event
from streaming.blocks import Handled, Parsed, erased_letter


def without_erased(parsed: Parsed, erased: ErasedNames) -> Parsed:
    """Return a block without the events of erased people; of each record a dead letter says how many there were."""
    if not erased:
        return parsed
    events = [without_browser(event, erased) for event in parsed.events]
    kept = [not erased.have(event.subject_id, event.anonymous_id, event.occurred_at) for event in parsed.events]
    refused = Counter(offset for offset, is_kept in zip(parsed.offsets, kept, strict=True) if not is_kept)
    return replaced(
        parsed,
        records=[_less(record, refused[record.offset]) for record in parsed.records],
        events=list(compress(events, kept)),
        offsets=list(compress(parsed.offsets, kept)),
        occurred_ms=list(compress(parsed.occurred_ms, kept)),
        dead=[*parsed.dead, *(erased_letter(offset, n) for offset, n in sorted(refused.items()))],
    )


def without_browser(event: Event, erased: ErasedNames) -> Event:
    """Return an event without the id of its browser if somebody else than who was erased is signed in there.

    The id names who is gone; stored with it, the event would bring back what is kept by browser.
    """
    if event.subject_id and erased.have_browser(event.anonymous_id, event.occurred_at):
        return replace(event, anonymous_id="")
    return event


def _less(record: Handled, n: int) -> Handled:
    if not n:
        return record
    return record._replace(good=record.good - n, refused={**record.refused, "erased": n})
