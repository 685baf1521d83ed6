"""Events of people who asked to be erased, refused on their way into the stores: counted, and nothing of them kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import compress

from civicrec.erasure import ErasedNames
from streaming.blocks import Handled, Parsed, erased_letter


def without_erased(parsed: Parsed, erased: ErasedNames) -> Parsed:
    """Return a block without the events of erased people; of each record a dead letter says how many there were."""
    if not erased:
        return parsed
    kept = [not erased.have(event.subject_id, event.anonymous_id) for event in parsed.events]
    if all(kept):
        return parsed
    refused = Counter(offset for offset, is_kept in zip(parsed.offsets, kept, strict=True) if not is_kept)
    return replace(
        parsed,
        records=[_less(record, refused[record.offset]) for record in parsed.records],
        events=list(compress(parsed.events, kept)),
        offsets=list(compress(parsed.offsets, kept)),
        occurred_ms=list(compress(parsed.occurred_ms, kept)),
        dead=[*parsed.dead, *(erased_letter(offset, n) for offset, n in sorted(refused.items()))],
    )


def _less(record: Handled, n: int) -> Handled:
    if not n:
        return record
    return record._replace(good=record.good - n, refused={**record.refused, "erased": n})
