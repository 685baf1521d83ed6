"""How far a log has been forwarded to Kafka: the position, and the file beside the log that remembers it.

In: positions that Kafka holds. Out: the newest one, also while Kafka is down. Kafka's own copy is the truth
(`writer.py`); the file may be a moment older, never newer.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from civicrec.eventlog.ports import EventLog, LogRecord
from civicrec.process.atomic_files import replace_file

#: How the name of a log begins that is one partition of the topic, with the records of another producer.
PARTITION_LOG = "partition-"


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Every record of a log up to an offset is in Kafka.

    Attributes
    ----------
    log
        Name of the log.
    generation
        Grows when a log turns out not to be the one this position was made for.
    offset
        Last offset forwarded, 0 before the first.
    events
        Events in the records forwarded.
    check
        CRC-32 of the value of the record at `offset`, to know the log again by.
    """

    log: str
    generation: int = 0
    offset: int = 0
    events: int = 0
    check: int = 0

    def after(self, records: Sequence[LogRecord]) -> Position:
        """Return the position once these records are forwarded too; there must be at least one."""
        return msgspec.structs.replace(
            self,
            offset=records[-1].offset,
            events=self.events + sum(one.record.n_events for one in records),
            check=zlib.crc32(records[-1].record.value),
        )


def go_on_from(positions: Sequence[Position], log: EventLog) -> Position:
    """Return where forwarding of a log goes on, given every position Kafka holds under the log's name.

    A home folder restored from a backup, or copied, is a log whose records are not those that were forwarded: going
    on behind the position would leave its new events out. Then everything the log still holds is sent again under the
    next generation; an event id still counts once downstream.
    """
    newest = max(positions, key=lambda position: position.generation, default=Position(log=log.name))
    return newest if _fits(newest, log) else Position(log=log.name, generation=newest.generation + 1)


def _fits(position: Position, log: EventLog) -> bool:
    if position.offset == 0:
        return True
    records_at = log.read(position.offset - 1, position.offset)
    if not records_at:  # trimmed since, or never there
        return position.offset <= log.head()
    return zlib.crc32(records_at[0].record.value) == position.check


def keep_position(path: Path, position: Position) -> None:
    """Replace the file; a crash leaves the old one or the new one."""
    replace_file(path, msgspec.json.encode(position))


def kept_position(path: Path) -> Position | None:
    """Read the file; None if there is none or it cannot be read, which Kafka's copy will mend."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Position)
    except (OSError, msgspec.MsgspecError):
        return None
