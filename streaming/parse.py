"""Log records in, good events and dead letters out. Pure; nothing a record holds can stop it.

Every event that a record was counted for comes out exactly once, good or dead: the books rest on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from civicrec.eventlog.erasing import ERASED_KEY, ERASED_VALUE
from civicrec.eventlog.ports import LogRecord
from civicrec.events import Dropped, Event, bad_time, dump, load
from streaming.blocks import Block, DeadLetter, Handled, Parsed, erased_letter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
#: Times the warehouse's columns and monthly partitions are made for.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_NOTHING: Mapping[str, int] = {}


def parse_block(block: Block) -> Parsed:
    """Read every record of a block."""
    parsed = Parsed(block, [], [], [], [], [])
    for log_record in block.records:
        try:
            events, dead = parse_record(log_record)
        except Exception as error:  # one record that nobody foresaw must not stop all that come after it
            events, dead = [], [_unreadable(log_record, f"{type(error).__name__}: {error}")]
        parsed.records.append(Handled(log_record.offset, log_record.record.key, len(events), _refused(dead)))
        parsed.events.extend(events)
        parsed.offsets.extend([log_record.offset] * len(events))
        parsed.occurred_ms.extend([epoch_ms(event.occurred_at) for event in events])
        parsed.dead.extend(dead)
    return parsed


def _refused(dead: Sequence[DeadLetter]) -> Mapping[str, int]:
    if not dead:
        return _NOTHING
    refused: Counter[str] = Counter()
    for dead_letter in dead:
        refused[dead_letter.reason] += dead_letter.n_events
    return refused


def parse_record(log_record: LogRecord) -> tuple[list[Event], list[DeadLetter]]:
    """Return the good events of a record and its dead letters; together they stand for `n_events` events."""
    offset, record = log_record.offset, log_record.record
    if (record.key, record.value) == (ERASED_KEY, ERASED_VALUE):
        return [], [erased_letter(offset, record.n_events)]
    events, dropped = load(record.value)
    if len(events) + len(dropped) != record.n_events:
        unread = dropped[0][1].detail if dropped and not events else f"it holds {len(events) + len(dropped)}"
        return [], [_unreadable(log_record, unread)]
    refused = [(raw, drop, "parse") for raw, drop in dropped]
    good = []
    for event in events:
        drop = refusal(event)
        if drop is None:
            good.append(event)
        else:
            refused.append((dump([event])[1:-1], drop, "validate"))
    return good, [
        DeadLetter(offset, piece, drop.reason, drop.detail, step, raw)
        for piece, (raw, drop, step) in enumerate(refused)
    ]


def _unreadable(log_record: LogRecord, why: str) -> DeadLetter:
    n_events = log_record.record.n_events
    detail = f"a record counted as {n_events} events cannot be read as such: {why}"
    return DeadLetter(log_record.offset, 0, "bad_json", detail, "parse", log_record.record.value, n_events)


def refusal(event: Event) -> Dropped | None:
    """Say why an event of the log must not be stored, ``None`` if it may.

    The collector checks the same on arrival; this holds for whatever else writes to the log.
    """
    at, arrived = event.occurred_at, event.received_at
    if at.tzinfo is None or (arrived is not None and arrived.tzinfo is None):
        return Dropped("bad_field", "occurred_at and received_at need an offset, for example 2026-01-31T08:00:00Z")
    if not (_EARLIEST <= at < _LATEST) or (arrived is not None and not (_EARLIEST <= arrived < _LATEST)):
        return Dropped("bad_time", f"got {at} and {arrived}; expected years 2000 to 2099")
    if not (event.subject_id or event.anonymous_id):
        return Dropped("no_actor", "neither subject_id nor anonymous_id")
    if event.consent == "none":
        return Dropped("no_consent", "consent is none")
    return bad_time(event, arrived) if arrived is not None else None


def epoch_ms(at: datetime) -> int:
    """Return epoch milliseconds of an aware time, exactly."""
    return (at - _EPOCH) // _MS
