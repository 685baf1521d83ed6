"""The log of served lists: what was answered, kept for whoever compares lists and learns from them.

In: lists as they are answered. Out: the same in the file of `civicrec.accounting.served`, a second later. A list is
never delayed by this nor fails for it: what finds no place is counted and gone.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec

from civicrec.accounting.served import ServedList, ServedSpool
from civicrec.clock import to_ms
from civicrec.errors import Unavailable
from civicrec.logs import get_logger
from civicrec.settings import Settings
from recommender.request import RankedItem, RankedList
from serving.shadow import Shadowed

#: Lists held in memory until they are written, some 20 kB each.
MAX_QUEUED = 2_000
FLUSH_S = 1.0
#: Lists written at once: more would hold the interpreter for longer than a list takes.
_PART_LISTS = 100
#: Lists made in the shadow at each writing, a millisecond each; of more the log keeps what was served.
MAX_SHADOWS = 50
_PAUSE_S = 0.002
_log = get_logger(__name__)


class _Served(NamedTuple):
    ranked_list: RankedList
    request_id: str
    at: datetime
    site: str
    slot: str
    is_degraded: bool
    shadow: Shadowed | None


class ListLog:
    """Takes lists in the event loop, writes them in a thread.

    Parameters
    ----------
    count
        Told what became of how many lists.
    """

    def __init__(self, settings: Settings, count: Callable[[str, int], None]) -> None:
        serving = settings.serving
        self._path, self._max_bytes = settings.served_path, serving.served_max_mb << 20
        self._below = int(serving.served_share * 2**32)
        self._count = count
        self._queue: deque[_Served] = deque()
        self._overflow = 0
        self._lost: Counter[str] = Counter()  # counted here until the file can be written
        self._spool: ServedSpool | None = None
        self._is_failing = False
        self._models_path = settings.models_path
        self._shadows_left = MAX_SHADOWS
        self._failed: set[str] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(
        self, ranked_list: RankedList, request_id: str, at: datetime, *, site: str, slot: str = "",
        is_degraded: bool = False, shadow: Shadowed | None = None,
    ) -> None:  # fmt: skip
        """Take a list, unless its request id is not among the share that is kept. Costs a microsecond.

        Parameters
        ----------
        request_id
            32 hex digits at random.
        shadow
            What is tried in its shadow before it is written, where there is time.
        """
        if int(request_id[:8], 16) >= self._below:
            return
        if len(self._queue) >= MAX_QUEUED:
            self._overflow += 1
            return
        self._queue.append(_Served(ranked_list, request_id, at, site, slot, is_degraded, shadow))

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._keep_writing, name="served lists", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left and end."""
        self._stop.set()
        if self._thread:
            self._thread.join(10)
        if self._spool:
            self._spool.close()

    def flush(self) -> None:
        """Write what is there; what cannot be written is counted as lost."""
        overflow, self._overflow = self._overflow, 0
        self._shadows_left = MAX_SHADOWS
        self._lose("queue_full", overflow)
        while self._queue or self._lost:
            lists = [self._plain(self._queue.popleft()) for _ in range(min(len(self._queue), _PART_LISTS))]
            try:
                self._spool = self._spool or ServedSpool(self._path, self._max_bytes)
                fits = self._spool.put(lists, self._lost)
            except Unavailable as error:
                self._lose("unwritable", len(lists))
                if not self._is_failing:
                    self._is_failing = True
                    _log.warning("served_lists_not_kept", error=str(error))
                return
            self._lost.clear()
            self._is_failing = False
            self._count("kept" if fits else "spool_full", len(lists))

    def _lose(self, why: str, n: int) -> None:
        if n:
            self._lost[why] += n
            self._count(why, n)

    def _keep_writing(self) -> None:
        while not self._stop.wait(FLUSH_S):
            self.flush()
        self.flush()

    def _plain(self, served: _Served) -> ServedList:
        """Return a list as it is kept, with what its shadow says."""
        plain = _plain(served)
        if served.shadow is None or not self._shadows_left:
            return plain
        self._shadows_left -= 1
        self._stop.wait(_PAUSE_S)  # lets answers through: what is made here holds the interpreter
        try:
            ids = served.shadow.ids(self._models_path)
        except Exception as error:  # weights that nobody has judged may fail anyhow, and the list was served
            if served.shadow.shadow.name not in self._failed:
                self._failed.add(served.shadow.shadow.name)
                _log.warning("shadow_failed", shadow=served.shadow.shadow.name, error=repr(error))
            return plain
        return msgspec.structs.replace(plain, shadow=served.shadow.shadow.name, shadow_ids=ids)


def _plain(served: _Served) -> ServedList:
    ranked_list = served.ranked_list
    items = ranked_list.items
    return ServedList(
        request_id=served.request_id,
        served_ms=to_ms(served.at),
        site=served.site,
        scene=ranked_list.scene,
        slot=served.slot or ranked_list.scene,
        variant=ranked_list.variant,
        mode=ranked_list.mode,
        model=ranked_list.model,
        degraded=served.is_degraded,
        first_position=items[0].position if items else 0,
        item_ids=[ranked.item.item_id for ranked in items],
        sources=[_sources(ranked) for ranked in items],
        reasons=[[reason.code for reason in ranked.reasons] for ranked in items],
        teams=[ranked.team for ranked in items] if any(ranked.team for ranked in items) else [],
        propensities=[ranked.propensity for ranked in items],
        variant_share=ranked_list.variant_share,
        holdout_share=ranked_list.holdout_share,
    )


def _sources(ranked: RankedItem) -> list[str]:
    by_part = sorted(ranked.parts, key=ranked.parts.__getitem__, reverse=True)
    return [ranked.source, *(source for source in by_part if source != ranked.source)]
