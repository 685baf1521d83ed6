"""What travels through the graph: blocks of log records, then of facts. A block is one Beam element (20–30 µs each).

Every block knows its batch and how many blocks that has, so that a sink can tell a whole batch from a part of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from civicrec.eventlog.ledger import Plan
from civicrec.eventlog.ports import LogRecord
from civicrec.events import DropReason, Event

#: Column name → values of equal length, ready for the warehouse.
Columns = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Which block of which batch."""

    plan: Plan
    index: int
    count: int


@dataclass(frozen=True, slots=True)
class Block:
    """Log records, as the source yields them."""

    place: Place
    records: Sequence[LogRecord]


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


@dataclass(frozen=True, slots=True)
class Parsed:
    """A block's good events with their offsets and times, and its dead letters."""

    place: Place
    events: list[Event]
    offsets: list[int]
    occurred_ms: list[int]
    dead: list[DeadLetter]


class Turn(NamedTuple):
    """An actor turned to an item, or refused it.

    Attributes
    ----------
    weight
        Strength of the interest (`civicrec.events.INTEREST_WEIGHTS`), 0 for a dislike.
    is_personal
        Whether consent allows it into what is kept about the actor; else it only counts in the crowd.
    """

    actor: str
    item_id: str
    at_ms: int
    weight: float
    is_personal: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """A block as the sinks take it: columns of `events`, turns for the online store, dead letters."""

    place: Place
    columns: Columns
    turns: list[Turn]
    dead: list[DeadLetter]
