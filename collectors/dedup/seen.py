"""Which event ids were taken within the last day, so that a retry is answered as a duplicate and stored once.

In: ids, and the offset of the log at which they became durable. Out: which of them are new. The newest are held in
memory, the others in sorted files (`collectors.dedup.runs`); after a restart the files are there and the log has the
rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec

from civicrec.clock import monotonic_s
from civicrec.eventlog.ports import EventLog
from civicrec.logs import get_logger
from civicrec.process.retry import Retry
from collectors.dedup.runs import IdRun, Runs, open_runs, write_run

_log = get_logger(__name__)

#: First and longest pause before a run that the disk did not take is written again.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 10.0


@dataclass(slots=True)
class _Generation:
    """Ids that are kept, of the records with ``first < offset <= last``."""

    first: int
    ids: set[bytes] = field(default_factory=set)
    packed: bytearray = field(default_factory=bytearray)
    last: int = 0
    newest_ms: int = 0


class SeenIds:
    """The ids of at least the last `hours`, in bounded memory. Lives on one thread, but for `on_disk`.

    Two generations are in memory. When the young one holds half the window, it is written as a run and becomes the
    old one; the old one is then forgotten, because its run is on disk. So memory holds at most `window` ids, and up
    to half a window more while the disk refuses a run; then `fault` says so.

    Parameters
    ----------
    folder
        Where the runs are.
    window
        Ids in memory, about 100 bytes each; the filter before the disk takes 23 MB, and as much again after a day.
    hours
        How long a run is kept after its newest id.

    Attributes
    ----------
    fault
        Why no more ids can be remembered; empty while they can.
    """

    def __init__(self, folder: Path, window: int, hours: float = 24.0) -> None:
        self.fault = ""
        self._folder = folder
        self._half = max(1, window // 2)
        runs = open_runs(folder)
        self._runs = Runs(timedelta(hours=hours) // timedelta(milliseconds=1))
        self._runs.add(runs, filtered=False)
        self._young = _Generation(first=max((run.last for run in runs), default=0))
        self._old = _Generation(first=0)
        self._old_run: IdRun | None = None
        self._writing: Future[IdRun] | None = None
        self._retry = Retry(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, jitter=0)
        self._retry_at_s = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="id-writer")
        for run in runs:
            self._thread.submit(self._runs.filter_run, run)

    @property
    def covered(self) -> int:
        """The offset up to which the log is no longer needed to know the ids."""
        return self._old.first if self._writing else self._young.first

    def add(self, event_id: bytes) -> bool:
        """Remember an id for now; tell whether memory did not know it. `keep` or `forget` must follow."""
        if event_id in self._young.ids or event_id in self._old.ids:
            return False
        self._young.ids.add(event_id)
        return True

    def forget(self, event_ids: Iterable[bytes]) -> None:
        """Take back ids that were added and whose events were not kept after all."""
        self._young.ids.difference_update(event_ids)

    def keep(self, event_ids: Sequence[bytes], last: int, now_ms: int) -> None:
        """Note that the ids added are durable in the log, up to offset `last`."""
        young = self._young
        young.packed += b"".join(event_ids)
        self._runs.filter(event_ids)
        young.last = max(young.last, last)
        young.newest_ms = max(young.newest_ms, now_ms)
        if len(young.packed) >= 16 * self._half:
            self.write_out()

    def suspects(self, event_ids: Sequence[bytes]) -> Sequence[bytes]:
        """Return the ids that may be on disk: those that are, and of others a few."""
        return self._runs.may_hold(event_ids)

    def on_disk(self, event_ids: Iterable[bytes]) -> set[bytes]:
        """Return the ids that are on disk. Any thread may ask.

        Raises
        ------
        Unavailable
            If the disk cannot be read.
        """
        return self._runs.find(event_ids)

    def write_out(self) -> None:
        """Write the young generation as a run and begin another, unless the one before is still being written."""
        self._settle()
        if self._writing or not self._young.packed:
            too_many = len(self._young.packed) >= 2 * 16 * self._half
            self.fault = f"the event ids cannot be written to {self._folder}; check the disk" if too_many else ""
            return
        if self._old_run:
            self._runs.add([self._old_run])
        self._old, self._old_run = self._young, None
        self._young = _Generation(first=self._old.last)
        self._begin_writing()
        self.fault = ""

    def tend(self, now_ms: int) -> None:
        """Do what is due: write again what failed, remove runs that are old enough."""
        self._settle()
        if len(self._young.packed) >= 16 * self._half:
            self.write_out()
        self._runs.expire(now_ms)

    def wait(self) -> None:
        """Wait until the run under way is on disk.

        Raises
        ------
        OSError
            If it is not.
        """
        if self._writing:
            self._writing.result()
        self._settle()

    def close(self) -> None:
        """Finish the run under way; what is not begun is done after the next start."""
        self._thread.shutdown(cancel_futures=True)

    def _begin_writing(self) -> None:
        old = self._old

        self._writing = self._thread.submit(
            write_run, self._folder, bytes(old.packed), old.first, old.last, old.newest_ms
        )

    def _settle(self) -> None:
        writing = self._writing
        if writing is None or not writing.done():
            return
        error = writing.exception()
        if error is None:
            self._old_run, self._writing = writing.result(), None
            self._old.packed = bytearray()
            self._retry.worked()
        elif monotonic_s() >= self._retry_at_s:
            self._retry_at_s = monotonic_s() + self._retry.failed()
            _log.error("event_ids_not_written", error=str(error))
            self._begin_writing()


class _OnlyId(msgspec.Struct):
    event_id: UUID


_decode_ids = msgspec.json.Decoder(list[_OnlyId]).decode
#: Records read at once while warming: a few MB.
_BLOCK = 1_000


def warm(seen: SeenIds, log: EventLog, now_ms: int) -> int:
    """Remember the ids of the log that are in no run yet; return how many.

    Without this, a retry that meets a restarted collector would be stored twice.
    """
    extent = log.extent()
    n_ids, after = 0, max(seen.covered, extent.first - 1)
    while after < extent.head:
        until = min(after + _BLOCK, extent.head)
        ids = [part.event_id.bytes for record in log.read(after, until) for part in _decode_ids(record.record.value)]
        new = [event_id for event_id in ids if seen.add(event_id)]
        seen.keep(new, until, now_ms)
        if seen.fault:
            seen.wait()
        n_ids += len(new)
        after = until
    return n_ids
