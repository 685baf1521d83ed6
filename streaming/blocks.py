"""What travels through the graph: blocks of log records, then of facts. A block is one Beam element (20–30 µs each)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from civicrec.accounting.progress import Partition
from civicrec.eventlog.ports import LogRecord
from civicrec.events import DropReason, Event

#: The log of events that are loaded as history: there is no such log, so no count of a log's records meets them.
HISTORY = "history"
DISLIKE, WITHDRAWN = "dislike", "consent_withdrawn"
#: The kind of what tells that an item was on the visitor's screen.
SHOWN = "impression"
#: What a subject's event tells of the browser that it came from.
SIGNED_IN = "signed_in"
#: What there is much of, and is kept apart from the history: it takes the store little.
ASIDE = frozenset({SHOWN, SIGNED_IN})
#: The kind of what ends a service, 办结: it is not offered again.
DONE = "service_complete"
#: Kinds that take a dislike of the item back.
RESTORING = frozenset({"undislike", "favourite"})

#: Column name → values of equal length, ready for the warehouse.
Columns = dict[str, list[Any]]


def joined(parts: Sequence[Columns]) -> Columns:
    """Put columns of the same names one below the other; a part without any adds nothing."""
    filled = [part for part in parts if part]
    return {name: [value for part in filled for value in part[name]] for name in (filled[0] if filled else ())}


class Origin(NamedTuple):
    """Where the records of a block come from: a log by its name, and the partition of it that is read in order."""

    log: str
    partition: Partition = Partition()


@dataclass(frozen=True, slots=True)
class Block:
    """Log records of one origin in order, as the source yields them.

    Attributes
    ----------
    position
        Offset of the last one in its partition of Kafka; -1 if they do not come from there.
    """

    origin: Origin
    records: Sequence[LogRecord]
    position: int = -1


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A piece of the log that the stream refused, with the number of events it stands for.

    Attributes
    ----------
    piece
        Number of the piece among those refused in this record.
    n_events
        1 for an event; for a record that cannot be read, the events the collector counted in it.
    """

    log_offset: int
    piece: int
    reason: DropReason
    detail: str
    step: str
    raw: bytes
    n_events: int = 1


#: Number of the one letter that stands for all events of a record that were refused because a person was erased.
_ERASED_PIECE = 1_000_000


def erased_letter(offset: int, n_events: int) -> DeadLetter:
    """Return what stands for events of a record whose person was erased: their number, and nothing of them."""
    return DeadLetter(offset, _ERASED_PIECE, "erased", "", "erase", b"", n_events)


class Handled(NamedTuple):
    """A record, and what becomes of its events: how many are good, how many refused, by reason."""

    offset: int
    actor: str
    good: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A block's good events with their offsets and times, and its dead letters."""

    block: Block
    records: list[Handled]
    events: list[Event]
    offsets: list[int]
    occurred_ms: list[int]
    dead: list[DeadLetter]


class Interaction(NamedTuple):
    """An actor took interest in an item, refused it, took that back, was shown it, withdrew consent, or was signed in.

    Attributes
    ----------
    weight
        Strength of the interest (`civicrec.events.INTEREST_WEIGHTS`), 0 for what is none.
    is_personal
        Whether consent allows it into what is kept about the actor; else it only counts in the crowd.
    offset
        Of its record in the log.
    kind
        Of the event, where it is more than an interest: `DISLIKE`, one of `RESTORING`, `WITHDRAWN`, `DONE`, `SHOWN`; or
        `SIGNED_IN`: then `actor` is that of a browser, and `item_id` a key of `OnlineUpdate.signed_in`.
    """

    actor: str
    item_id: str
    at_ms: int
    weight: float
    is_personal: bool
    offset: int = 0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """A block as the sinks take it: columns of `events`, interactions in log order, dead letters."""

    origin: Origin
    position: int
    records: list[Handled]
    columns: Columns
    interactions: list[Interaction]
    dead: list[DeadLetter]
