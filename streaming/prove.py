"""Counting what is stored: a range of the log that the stream has committed is proved once the warehouse has it all.

In: the ledger's batches, and the warehouse. Out: proofs, behind which the log may be trimmed, or the holes. Only a
batch of which fewer events are found than were written is looked at event by event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from civicrec.accounting.proofs import Batch, Held, Hole, Proofs
from civicrec.clock import monotonic_s
from civicrec.errors import CivicrecError
from civicrec.eventlog.ports import EventLog
from civicrec.logs import get_logger
from civicrec.warehouse.held import held
from civicrec.warehouse.ports import Warehouse
from streaming.registry import RegistrySnapshot
from streaming.repair.diff import diff
from streaming.repair.reprocess import Selection, from_log

log = get_logger("stream")

#: Between two counts, seconds; while something is missing, which is dearer and waits for somebody.
_EVERY_S = 2.0
_MISSING_S = 5.0
#: Batches counted at once, and holes that are enough to know.
_AT_ONCE = 2_000
_HOLES = 20
_ALL_DAYS = Selection(date.min, date.max)


class Prover:
    """Counts what the stream has committed, now and then.

    Parameters
    ----------
    known_s
        How long the collector knows an event's id, seconds.
    waits
        Called before each question to the warehouse.
    """

    def __init__(
        self, events: EventLog, proofs: Proofs, warehouse: Warehouse, registry: RegistrySnapshot, known_s: int,
        waits: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._events = events
        self._proofs = proofs
        self._warehouse = warehouse
        self._registry = registry
        self._known_s = known_s
        self._waits = waits
        self._holes: list[Hole] = []
        self._next_s = 0.0

    def now_and_then(self) -> None:
        """Count if it is time; a fault is said and the count made again later: nothing is trimmed meanwhile."""
        if monotonic_s() < self._next_s:
            return
        try:
            self.count()
        except CivicrecError as fault:
            log.warning("stored_not_counted", reason=str(fault))
        except Exception:  # whatever it is, the stream goes on; nothing is trimmed
            log.exception("stored_not_counted")
        self._next_s = monotonic_s() + (_MISSING_S if self._holes else _EVERY_S)

    def count(self) -> list[Hole]:
        """Count what is not proved yet; return what is missing."""
        holes: list[Hole] = []
        if batches := self._proofs.unproved(_AT_ONCE):
            self._look(batches, holes)
        if holes != self._holes:
            self._proofs.note_holes(holes)
            if holes:
                log.error(
                    "events_missing", events=sum(hole.events for hole in holes), after=holes[0].first,
                    until=holes[-1].last, remedy="`civicrec doctor --books` says more",
                )  # fmt: skip
            self._holes = holes
        return holes

    def _look(self, batches: Sequence[Batch], holes: list[Hole]) -> None:
        """Add what is missing of batches that follow one another, the two halves apart if it is not all there."""
        if len(holes) == _HOLES:
            return
        self._waits()
        first, last, n_events = batches[0].first, batches[-1].last, sum(batch.events for batch in batches)
        stored = held(self._warehouse, self._events.name, first, last, self._known_s)
        half = len(batches) // 2
        if stored.total < n_events and half:
            self._look(batches[:half], holes)
            self._look(batches[half:], holes)
        elif stored.total < n_events and (n_missing := self._missing(batches[0], stored)):
            holes.append(Hole(first, last, n_missing))
        elif not holes:  # behind a hole nothing is proved
            self._proofs.add(last, stored)

    def _missing(self, batch: Batch, stored: Held) -> int:
        """Count event by event: of two events of one id the warehouse keeps one, and that is as it should be."""
        if self._events.extent().first > batch.first + 1:
            return batch.events - stored.total
        n_missing = n_refused = 0
        for part in from_log(self._events, self._registry.facts(), _ALL_DAYS, batch.first, batch.last):
            self._waits()
            n_missing += len(diff(self._warehouse, part.columns).new)
            n_refused += part.refused.total()
        return n_missing + max(0, n_refused - stored.refused)
