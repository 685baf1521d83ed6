"""Capacity for more events: the log is held within its bound and off the last of the disk.

In: the log's extent, the free disk, and how far the log's readers are. Out: removals, oldest first, and `reason`.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from civicrec.clock import Clock, monotonic_s, to_ms, utc_now
from civicrec.errors import Unavailable
from civicrec.eventlog.ports import EventLog, Extent
from civicrec.logs import get_logger
from civicrec.settings import Settings
from collectors.dedup.seen import SeenIds

_log = get_logger(__name__)

#: Between two looks, seconds: at full load some 16 MB come in, so a small log is looked at more often.
_LONGEST_S, _SHORTEST_S, _MB_A_S = 1.0, 0.1, 64
#: Between two questions for the free disk from requests.
_DISK_S = 0.02
#: Records in one removal: an append waits a few milliseconds for it.
_STEP = 100
_MB = 1024 * 1024
_MS = timedelta(milliseconds=1)


class Capacity:
    """Frees capacity of the log, and says why there is none. Lives on the event loop of the collector.

    Removed are records that every reader has acknowledged: those older than the settings say, and the oldest ones
    when the log is over its bound or the disk is nearly full. What is removed stays known to `SeenIds`.

    Parameters
    ----------
    acknowledged
        The offset up to which all readers are done.
    free_bytes
        Free disk where the log is.

    Attributes
    ----------
    reason
        Why nothing more can be accepted now; empty if it can.
    """

    def __init__(
        self,
        settings: Settings,
        log: EventLog,
        seen: SeenIds,
        acknowledged: Callable[[], int],
        clock: Clock = utc_now,
        free_bytes: Callable[[], int] | None = None,
    ) -> None:
        collector = settings.collector
        self.reason = ""
        self._extent = log.extent()
        self._disk_at_s = 0.0
        self._log = log
        self._seen = seen
        self._acknowledged = acknowledged
        self._clock = clock
        self._free_bytes = free_bytes or (lambda: _free_bytes(settings.home))
        self._max_bytes = collector.log_max_mb * _MB
        self._min_free_bytes = settings.min_free_disk_mb * _MB
        # Younger records may hold ids that are nowhere else yet.
        self._keep_ms = max(timedelta(days=collector.log_keep_days), timedelta(hours=collector.dedup_hours)) // _MS
        self._every_s = min(_LONGEST_S, max(_SHORTEST_S, collector.log_max_mb / _MB_A_S))
        self._closing = asyncio.Event()

    async def run(self) -> None:
        """Look again and again until `close`."""
        while not self._closing.is_set():
            try:
                await self.reclaim()
            except Unavailable as error:  # the disk or the ledger: requests hear of it when they are written
                _log.warning("capacity_not_reclaimed", reason=str(error))
            except Exception:  # whatever it is, without this watch the log would grow for ever
                _log.exception("capacity_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._every_s)

    def close(self) -> None:
        """Make `run` return."""
        self._closing.set()

    def check(self) -> None:
        """Raise if nothing more can be accepted.

        Raises
        ------
        Unavailable
            With the reason.
        """
        if reason := self.refusal():
            raise Unavailable(f"{reason}; nothing was accepted, send again later")

    def refusal(self) -> str:
        """Return why nothing more can be accepted now, empty if it can."""
        now_s = monotonic_s()
        # A fast sender may fill a small reserve between two looks. Asking for each request cost 6 % of the CPU time.
        if not self.reason and now_s >= self._disk_at_s:
            self._disk_at_s = now_s + _DISK_S
            if self._lacking(self._extent) > 0:
                self._note_extent(self._extent)
        return self.reason

    async def reclaim(self) -> None:
        """Remove what may go, and find out whether more fits.

        Raises
        ------
        Unavailable
            If a reader cannot be asked, or the log cannot be written.
        """
        now_ms = to_ms(self._clock())
        self._seen.tend(now_ms)
        try:
            done = await asyncio.to_thread(self._acknowledged)
            while await asyncio.to_thread(self._trim, done, now_ms - self._keep_ms) == _STEP:
                pass
            await self._trim_to_size(done)
        finally:
            self._note_extent(await asyncio.to_thread(self._log.extent))

    async def _trim_to_size(self, done: int) -> None:
        tenth = self._max_bytes // 10
        extent = await asyncio.to_thread(self._log.extent)
        if self._lacking(extent) + tenth <= 0:
            return
        # Begun a tenth early, so that nothing is refused for what may go, and a tenth further, so that this is rare.
        while self._lacking(extent) + 2 * tenth > 0:
            removed = await asyncio.to_thread(self._trim, min(done, self._seen.covered))
            if self._min_free_bytes + tenth > self._free_bytes():
                await asyncio.to_thread(self._log.shrink)
            if not removed:
                break
            extent = await asyncio.to_thread(self._log.extent)
        if self._lacking(extent) + tenth > 0 and self._seen.covered < done:
            self._seen.write_out()

    def _trim(self, until: int, before_ms: int | None = None) -> int:
        return self._log.trim(until, before_ms=before_ms, limit=_STEP)

    def _lacking(self, extent: Extent) -> int:
        # What is spare in the log is space for the log alone: the warehouse and all others need the disk.
        return max(extent.n_bytes - self._max_bytes, self._min_free_bytes - self._free_bytes())

    def _note_extent(self, extent: Extent) -> None:
        self._extent = extent
        reason = self._seen.fault
        if extent.n_bytes > self._max_bytes:
            reason = (
                f"the event log holds {extent.n_bytes // _MB} MB that its readers have not acknowledged, at most "
                f"{self._max_bytes // _MB} MB may wait: see that the stream runs, "
                "or raise CIVICREC_COLLECTOR__LOG_MAX_MB"
            )
        elif self._lacking(extent) > 0:
            reason = (
                f"the disk of the event log has {self._free_bytes() // _MB} MB free, "
                f"{self._min_free_bytes // _MB} MB must stay: free disk space, or lower CIVICREC_MIN_FREE_DISK_MB"
            )
        if bool(reason) != bool(self.reason):
            _log.warning("capacity_changed", accepting=not reason, reason=reason)
        self.reason = reason


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
