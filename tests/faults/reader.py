"""A reader of the log in the stream's place: it commits to the real ledger and keeps every id it was handed."""

import threading
from contextlib import closing
from datetime import datetime

from civicrec.accounting.ledger import Ledger
from civicrec.accounting.proofs import Held, Proofs
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import load
from civicrec.settings import Settings


class Reader(threading.Thread):
    """Reads on as long as it is not stopped; what it has read may be trimmed from the log.

    Attributes
    ----------
    ids
        All it has read, in order.
    went_back_s
        How far the collector's clock has gone back at most, by the arrival of events.
    """

    def __init__(self, settings: Settings, at_once: int = 500) -> None:
        super().__init__(name="reader")
        self.ids: list[str] = []
        self.went_back_s = 0.0
        self.stopped = threading.Event()
        self._newest: datetime | None = None
        self._settings, self._at_once = settings, at_once
        self._to_the_end = True

    def run(self) -> None:
        with (
            closing(SqliteEventLog(self._settings.log_path, readonly=True)) as log,
            closing(Ledger(self._settings.stream_path)) as ledger,
        ):
            while not self.stopped.is_set() or (self._to_the_end and log.head() > ledger.committed()):
                done = ledger.committed()
                records = log.read(done, done + self._at_once)
                if not records:
                    self.stopped.wait(0.05)
                    continue
                assert records[0].offset == done + 1, f"{done + 1} is gone, {records[0].offset} comes next"
                events = [event for found in records for event in load(found.record.value)[0]]
                ledger.commit(ledger.plan(records[-1].offset), len(events), {})
                Proofs(ledger).add(records[-1].offset, Held())
                self.ids += [str(event.event_id) for event in events]
                for event in events:
                    assert event.received_at is not None
                    self._newest = max(self._newest or event.received_at, event.received_at)
                    self.went_back_s = max(self.went_back_s, (self._newest - event.received_at).total_seconds())

    def stop_where_it_is(self) -> None:
        """Leave the rest of the log to another reader."""
        self._to_the_end = False
        self.stopped.set()
        self.join(60)

    def finish(self) -> list[str]:
        """Read to the end of the log and return all ids, in the order of the log."""
        self.stopped.set()
        self.join(60)
        assert not self.is_alive()
        return self.ids
