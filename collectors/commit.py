"""Group commit: many requests, one fsync, and no answer before it.

In: the events of each request. Out: how many of them were new, once they are durable.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from civicrec.clock import Clock, monotonic_s, to_ms, utc_now
from civicrec.errors import Unavailable
from civicrec.eventlog.ports import EventLog, Record
from civicrec.events import Event, dump
from civicrec.logs import get_logger
from collectors.dedup.seen import SeenIds
from collectors.forwarding.acknowledged import Acknowledged

_log = get_logger(__name__)

#: Events that may wait for the disk at once; beyond, callers are told to come back (about 20 MB of memory).
MAX_WAITING = 50_000
#: How long a failure is held against the log, seconds, if nothing is sent.
_FAULT_S = 10.0


class Busy(Unavailable):
    """More events are waiting for the disk than memory is set aside for."""

    http_status = 429


@dataclass(slots=True)
class _Batch:
    events: Sequence[Event]
    counts: Counter[tuple[str, str]]
    done: asyncio.Future[int]
    fresh: dict[str, list[Event]] = field(default_factory=dict)
    duplicates: int = 0
    offset: int = 0

    def take_out(self, event_ids: Container[bytes]) -> None:
        """Count these as duplicates after all."""
        n_before = sum(map(len, self.fresh.values()))
        left = {
            actor: [event for event in events if event.event_id.bytes not in event_ids]
            for actor, events in self.fresh.items()
        }
        self.fresh = {actor: events for actor, events in left.items() if events}
        self.duplicates += n_before - sum(map(len, self.fresh.values()))


class GroupCommit:
    """The only writer of the log. Lives on one event loop; the log's own work is done in one thread.

    While one group is being synced the next gathers, so a busy collector syncs rarely and an idle one answers at once.

    Attributes
    ----------
    totals
        What this process has counted since it started, as in the log's counters.
    """

    def __init__(
        self,
        log: EventLog,
        seen: SeenIds,
        linger_s: float = 0.002,
        clock: Clock = utc_now,
        kafka: Acknowledged | None = None,
    ) -> None:
        self.totals: Counter[tuple[str, str]] = Counter()
        self._fault = ""
        self._failed_at_s = 0.0
        self._log = log
        self._seen = seen
        self._linger_s = linger_s
        self._clock = clock
        self._kafka = kafka
        self._waiting: list[_Batch] = []
        self._n_waiting = 0
        self._waiting_of: Counter[str] = Counter()
        self._came = asyncio.Event()
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log-writer")

    @property
    def fault(self) -> str:
        """Why the last group could not be kept; empty if it could, and if it is long ago.

        A proxy may send nothing to a collector that is not ready; nobody would find out that it is well again.
        """
        return self._fault if monotonic_s() - self._failed_at_s < _FAULT_S else ""

    async def put(self, events: Sequence[Event], counts: Counter[tuple[str, str]], site: str = "") -> int:
        """Keep the events of one request, move its counters, and return how many events were duplicates.

        A named site may have no more waiting than there is capacity left (Choudhury & Hahne 1998, dynamic thresholds):
        one that floods gets half of it, two a third each, and the next finds some.

        Raises
        ------
        Busy
            If too much of this site is waiting already.
        Unavailable
            If the log cannot be written; nothing of the request is kept or counted then.
        """
        set_aside = self._waiting_of[site] if site else 0
        if self._n_waiting + set_aside + len(events) > MAX_WAITING:
            raise Busy(f"{self._n_waiting} events wait for the disk, at most {MAX_WAITING} may; send again later")
        batch = _Batch(events, counts, asyncio.get_running_loop().create_future())
        self._waiting.append(batch)
        self._n_waiting += len(events)
        self._waiting_of[site] += len(events)
        self._came.set()
        duplicates = await batch.done
        if self._kafka:  # also for duplicates: a retry says that its events are there
            await self._kafka.confirmed(batch.offset)
        return duplicates

    async def run(self) -> None:
        """Commit group after group until `close`; what waits by then is still committed."""
        had_others = False
        while not (self._closing and not self._waiting):
            await self._came.wait()
            if had_others and len(self._waiting) == 1 and not self._closing:
                await asyncio.sleep(self._linger_s)
            had_others = len(self._waiting) > 1
            group, self._waiting, self._n_waiting = self._waiting, [], 0
            self._waiting_of.clear()
            if not self._closing:
                self._came.clear()
            try:
                if group:
                    await self._commit(group)
            except Exception:  # kept and answered by then; without this loop nothing would be kept any more
                _log.exception("ids_not_remembered")
        self._thread.shutdown()

    def close(self) -> None:
        """Make `run` return once nothing waits any more."""
        self._closing = True
        self._came.set()

    async def _commit(self, group: Sequence[_Batch]) -> None:
        fresh_ids: list[bytes] = []
        loop = asyncio.get_running_loop()
        try:
            for batch in group:
                self._set_duplicates_apart(batch, fresh_ids)
            suspects = self._seen.suspects(fresh_ids)
            if suspects:
                old = await loop.run_in_executor(self._thread, self._seen.on_disk, suspects)
                self._seen.forget(old)
                fresh_ids = [event_id for event_id in fresh_ids if event_id not in old]
                for batch in group if old else ():
                    batch.take_out(old)
            counts: Counter[tuple[str, str]] = Counter()
            for batch in group:
                counts.update(batch.counts)
                counts["duplicate", ""] += batch.duplicates
            records = [
                Record(actor, len(events), dump(events)) for batch in group for actor, events in batch.fresh.items()
            ]
            offset = await loop.run_in_executor(self._thread, self._log.append, records, counts)
        except Exception as error:  # whatever it is, each request of the group must hear of it
            self._seen.forget(fresh_ids)
            self._fault, self._failed_at_s = str(error), monotonic_s()
            _log.error("group_not_kept", requests=len(group), events=len(fresh_ids), error=str(error))
            for batch in group:
                if not batch.done.done():
                    batch.done.set_exception(error)
            return
        self._fault = ""
        counts["accepted", ""] = len(fresh_ids)
        self.totals.update(counts)
        if self._kafka and records:
            self._kafka.kept(offset, len(fresh_ids))
        for batch in group:
            batch.offset = offset
            if not batch.done.done():  # the client may have hung up meanwhile
                batch.done.set_result(batch.duplicates)
        self._seen.keep(fresh_ids, offset, to_ms(self._clock()))

    def _set_duplicates_apart(self, batch: _Batch, fresh_ids: list[bytes]) -> None:
        for event in batch.events:
            event_id = event.event_id.bytes
            if self._seen.add(event_id):
                fresh_ids.append(event_id)
                batch.fresh.setdefault(event.actor, []).append(event)
            else:
                batch.duplicates += 1
