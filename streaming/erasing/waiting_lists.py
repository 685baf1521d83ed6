"""Lists that were served to a person and wait for the warehouse, as a store that can be erased."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from civicrec.accounting.served import ServedSpool
from civicrec.erasure import Person
from civicrec.eventlog.erasing import LogRecords
from civicrec.events import load
from civicrec.warehouse.personal import requests_of
from civicrec.warehouse.ports import Warehouse


def requests_in_log(log: LogRecords, person: Person) -> set[str]:
    """Return the ids of the requests that a person's events in the log name: some are not in the warehouse yet."""
    return {event.request_id for value in log.values(person) for event in load(value)[0]} - {""}


class WaitingLists:
    """Before the log and `events`: these tell which requests are the person's; the lists themselves name nobody."""

    name = "served lists on their way"

    def __init__(self, path: Path, log: LogRecords, warehouse: Warehouse) -> None:
        self._path, self._log, self._warehouse = path, log, warehouse

    def count(self, person: Person) -> int:
        """Return how many lists wait that were served to the person."""
        if not self._path.exists():
            return 0
        with closing(ServedSpool(self._path, 0)) as spool:
            return spool.count_of(self._requests(person))

    def erase(self, person: Person) -> None:
        """Take them out of the file.

        Raises
        ------
        Unavailable
            If some are being stored right now, or somebody reads the file: call it again.
        """
        if not self._path.exists():
            return
        with closing(ServedSpool(self._path, 0)) as spool:
            spool.take_out(self._requests(person))

    def _requests(self, person: Person) -> set[str]:
        return requests_in_log(self._log, person).union(requests_of(self._warehouse, person))
