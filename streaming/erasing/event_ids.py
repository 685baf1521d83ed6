"""Ids of a person's events in the files by which the collector knows events of the last day, as a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np

from civicrec.erasure import Person
from civicrec.errors import Unavailable
from civicrec.eventlog.erasing import LogRecords
from civicrec.events import load
from civicrec.home import COLLECTOR_LOCK
from civicrec.process.locks import is_owned
from civicrec.settings import Settings
from civicrec.warehouse.personal import event_ids_of
from civicrec.warehouse.ports import Warehouse
from collectors.dedup.runs import IdRun, open_runs, take_out


class EventIds:
    """Before the log and `events`: these tell which ids are the person's."""

    name = "event ids"

    def __init__(self, settings: Settings, warehouse: Warehouse) -> None:
        self._folder: Path = settings.ids_path
        self._lock: Path = COLLECTOR_LOCK.of(settings.home)
        self._log = LogRecords(settings.log_path)
        self._warehouse = warehouse

    def count(self, person: Person) -> int:
        """Return how many of their ids the files hold."""
        ids = self._ids(person)
        # In place of ids that were taken out stands the one beside them, again and again.
        return sum(len(np.intersect1d(run.ids(), ids)) for run in self._runs())

    def erase(self, person: Person) -> None:
        """Overwrite them, each by an id beside it.

        Raises
        ------
        Unavailable
            If the collector holds some in memory that it has not written yet; call it again.
        """
        offsets, runs = self._log.offsets(person), self._runs()
        if offsets and is_owned(self._lock) and max((run.last for run in runs), default=0) < offsets[-1]:
            raise Unavailable("the collector has not written the ids of its newest events yet; it does so in a moment")
        ids = self._ids(person)
        for run in runs:
            take_out(run, ids)

    def _runs(self) -> list[IdRun]:
        return open_runs(self._folder, tidy=False)

    def _ids(self, person: Person) -> np.ndarray:
        return np.array(sorted(self._all_ids(person)), "S16")

    def _all_ids(self, person: Person) -> Iterator[bytes]:
        for text in event_ids_of(self._warehouse, person):
            yield UUID(text).bytes
        for value in self._log.values(person):
            for event in load(value)[0]:
                yield event.event_id.bytes
