"""Events put through the stream's steps once more, after a fix of code or catalogue. Writes nothing itself.

In: the event log, Kafka's topic, or the dead letters. Out: `Part`s, each with where it ends, so that a caller can go on
from there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from civicrec.clock import local_date
from civicrec.eventlog.ports import EventLog, LogRecord
from civicrec.events import Event, load, parse
from civicrec.warehouse.erasing import ERASED
from civicrec.warehouse.ports import Warehouse
from streaming.blocks import Block, Columns, DeadLetter, Origin, Parsed, joined
from streaming.enrich import enrich
from streaming.parse import epoch_ms, parse_block, refusal
from streaming.registry import RegistryFacts
from streaming.repair.rebuild import Done

if TYPE_CHECKING:
    from civicrec.kafka.reader import KafkaReader

#: Offset, piece and log of a dead letter; of the event log, its offset alone.
At = tuple[int, int, str]
#: Partition of the topic → offset to go on from.
Places = dict[int, int]
#: Log records, or dead letters, at once: some thousand events.
_AT_ONCE = 500

_DEAD_LETTERS = """
SELECT log, log_offset, piece, toString(reason) AS reason, hex(raw) AS raw, n_events FROM dead_letters FINAL
WHERE toDate(seen_at, 'Asia/Shanghai') BETWEEN {first:Date} AND {last:Date} AND reason != 'erased'
  AND (log_offset, piece, log) > ({offset:UInt64}, {piece:UInt32}, {log:String})
ORDER BY log_offset, piece, log LIMIT {limit:UInt32}
"""
_KNOWN = """
SELECT log_offset, if(reason = 'erased', 0, piece) AS piece, reason = 'erased' AS is_erased FROM dead_letters FINAL
WHERE log IN ({log:String}, '') AND log_offset IN {offsets:Array(UInt64)}
"""
_COUNT_DEAD_LETTERS = """
SELECT count() AS n FROM dead_letters FINAL
WHERE toDate(seen_at, 'Asia/Shanghai') BETWEEN {first:Date} AND {last:Date} AND reason != 'erased'
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: of the portal's days first..last, both included, and of one kind and site unless empty.

    The day of an event is that on which it happened, the day of a dead letter that on which it was refused.
    """

    first: date
    last: date
    kind: str = ""
    site: str = ""

    def names(self, event: Event) -> bool:
        """Say whether an event is of the kind and site that are meant."""
        return self.kind in ("", event.kind) and self.site in ("", event.site)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A dead letter that can be read now."""

    log: str
    log_offset: int
    piece: int
    reason: str
    n_events: int


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the events chosen, as the stream would write them now.

    Attributes
    ----------
    at, places
        Where it ends: in the event log or the dead letters, or in the topic.
    n_read
        Log records or dead letters it was made from.
    refused
        Events that are refused now, by reason.
    recovered
        Dead letters whose events are in `columns`.
    dead_letters
        What is refused of these records of the event log, each with its log.
    """

    at: At
    n_read: int
    columns: Columns
    refused: Counter[str] = field(default_factory=Counter)
    recovered: list[Recovered] = field(default_factory=list)
    places: Places = field(default_factory=dict)
    dead_letters: list[tuple[str, DeadLetter]] = field(default_factory=list)


def from_log(log: EventLog, registry: RegistryFacts, chosen: Selection, after: int, until: int) -> Iterator[Part]:
    """Read the records ``after < offset <= until`` again; the stream does those that it has not committed itself."""
    after = max(after, log.extent().first - 1)
    while after < until and (records := log.read(after, min(after + _AT_ONCE, until))):
        after = records[-1].offset
        parsed, dead = _chosen(log.name, records, chosen)
        facts = enrich(parsed, registry)
        dead += facts.dead
        dead_letters = [(log.name, dead_letter) for dead_letter in dead]
        yield Part((after, 0, ""), len(records), facts.columns, _reasons(dead), dead_letters=dead_letters)


def from_topic(
    reader: KafkaReader, done: Done, registry: RegistryFacts, chosen: Selection, places: Places, ends: Places
) -> Iterator[Part]:
    """Read the topic's records again, from `places` to `ends`; the stream does those that it has not done itself."""
    while any(places[number] < end for number, end in ends.items()):
        records, places = reader.read(places, _AT_ONCE)
        by_log: dict[str, list[LogRecord]] = defaultdict(list)
        for one in records:
            if done.has(one.log, one.record.key, one.log_offset):
                by_log[one.log].append(LogRecord(one.log_offset, one.record))
        columns: list[Columns] = []
        refused: Counter[str] = Counter()
        for log, mine in by_log.items():
            parsed, dead = _chosen(log, mine, chosen)
            facts = enrich(parsed, registry)
            columns.append(facts.columns)
            refused += _reasons([*dead, *facts.dead])
        yield Part((0, 0, ""), len(records), joined(columns), refused, places=places)


def from_dead_letters(warehouse: Warehouse, registry: RegistryFacts, chosen: Selection, after: At) -> Iterator[Part]:
    """Read the dead letters again; those of which every event is good now are recovered."""
    days = {"first": chosen.first, "last": chosen.last}
    while dead_letters := warehouse.rows(
        _DEAD_LETTERS, {**days, "offset": after[0], "piece": after[1], "log": after[2], "limit": _AT_ONCE}
    ):
        after = (dead_letters[-1]["log_offset"], dead_letters[-1]["piece"], dead_letters[-1]["log"])
        columns: list[Columns] = []
        refused, recovered = Counter[str](), []
        for dead_letter in dead_letters:
            events, reasons = _read(bytes.fromhex(dead_letter["raw"]), dead_letter["n_events"], registry)
            refused.update(reasons)
            if not reasons and all(chosen.names(event) for event in events):
                recovered.append(
                    Recovered(
                        dead_letter["log"],
                        dead_letter["log_offset"],
                        dead_letter["piece"],
                        dead_letter["reason"],
                        len(events),
                    )
                )
                parsed = _nothing_parsed(dead_letter["log"])
                for event in events:
                    _add(parsed, event, dead_letter["log_offset"])
                columns.append(enrich(parsed, registry).columns)
        yield Part(after, len(dead_letters), joined(columns), refused, recovered)


def remove_dead_letters(warehouse: Warehouse, recovered: Sequence[Recovered]) -> None:
    """Take recovered dead letters away."""
    if recovered:
        warehouse.command(
            "ALTER TABLE dead_letters DELETE WHERE has(arrayZip({offsets:Array(UInt64)}, {pieces:Array(UInt32)}, "
            "{logs:Array(String)}), (log_offset, piece, log)) SETTINGS mutations_sync = 1",
            {
                "offsets": [one.log_offset for one in recovered],
                "pieces": [one.piece for one in recovered],
                "logs": [one.log for one in recovered],
            },
        )


def lost_dead_letters(
    warehouse: Warehouse, dead_letters: Sequence[tuple[str, DeadLetter]]
) -> list[tuple[str, DeadLetter]]:  # fmt: skip
    """Return those of some dead letters that the warehouse has not."""
    known: set[tuple[str, int, int | str]] = set()
    for log in {log for log, _ in dead_letters}:
        offsets = sorted({dead_letter.log_offset for of, dead_letter in dead_letters if of == log})
        rows = warehouse.rows(_KNOWN, {"log": log, "offsets": offsets})
        known |= {(log, row["log_offset"], ERASED if row["is_erased"] else row["piece"]) for row in rows}
    return [
        (log, dead_letter)
        for log, dead_letter in dead_letters
        # Of who was erased one letter a month may stand there, or one a record.
        if (log, dead_letter.log_offset, ERASED if dead_letter.reason == ERASED else dead_letter.piece) not in known
    ]


def count_dead_letters(warehouse: Warehouse, chosen: Selection) -> int:
    """Return how many dead letters the days hold."""
    return int(warehouse.rows(_COUNT_DEAD_LETTERS, {"first": chosen.first, "last": chosen.last})[0]["n"])


def _chosen(log: str, records: Sequence[LogRecord], chosen: Selection) -> tuple[Parsed, list[DeadLetter]]:
    everything = parse_block(Block(Origin(log), records))
    parsed = _nothing_parsed(log)
    for event, offset in zip(everything.events, everything.offsets, strict=True):
        if chosen.first <= local_date(event.occurred_at) <= chosen.last and chosen.names(event):
            _add(parsed, event, offset)
    return parsed, everything.dead


def _reasons(dead: Sequence[DeadLetter]) -> Counter[str]:
    refused: Counter[str] = Counter()
    for dead_letter in dead:
        refused[dead_letter.reason] += dead_letter.n_events
    return refused


def _nothing_parsed(log: str) -> Parsed:
    return Parsed(Block(Origin(log), []), [], [], [], [], [])


def _add(parsed: Parsed, event: Event, offset: int) -> None:
    parsed.events.append(event)
    parsed.offsets.append(offset)
    parsed.occurred_ms.append(epoch_ms(event.occurred_at))


def _read(raw: bytes, n_events: int, registry: RegistryFacts) -> tuple[list[Event], list[str]]:
    """Return the good events of a dead letter, and why it is still refused."""
    if raw.lstrip()[:1] == b"[":  # a whole record: good only if it holds what was counted in it
        events, dropped = load(raw)
        reasons: list[str] = [drop.reason for _, drop in dropped]
        if len(events) + len(dropped) != n_events:
            reasons.append("bad_json")
    else:
        one = parse(raw)
        events, reasons = ([one], []) if isinstance(one, Event) else ([], [one.reason])
    reasons += [drop.reason for event in events if (drop := refusal(event)) is not None]
    erased = registry.erased
    reasons += ["erased" for one in events if erased.have(one.subject_id, one.anonymous_id, one.occurred_at)]
    return events, reasons
