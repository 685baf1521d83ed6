"""Who agreed to personal lists, for whoever must know it of every event or list: read from the ledger, kept a while.

In: actors. Out: yes or no of each that could be looked up. A read is one indexed query in a thread; what was read is
kept until somebody writes to the ledger. While the registry is away nothing is known, and the caller takes the cautious
answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from civicrec.clock import monotonic_s
from civicrec.errors import CivicrecError, Unavailable
from civicrec.logs import get_logger
from civicrec.registry.choices import PERSONALISE
from civicrec.registry.consents import latest
from civicrec.registry.news import News, news_of
from civicrec.registry.notice import holds, notice_of
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings

_log = get_logger(__name__)
#: Actors whose answer is kept, some 5 MB; beyond, those read first make room.
MAX_KEPT = 50_000
#: Kept no longer than this even without news, seconds: a proxy before PostgreSQL may pass none on.
MAX_AGE_S = 60.0
#: How long after a failure the registry is asked again, seconds.
_PAUSE_S = 1.0


class Ledger:
    """The consent ledger as one process looks people up in it, from one event loop at a time.

    Attributes
    ----------
    sites
        The sites that count only what stands in it.
    """

    def __init__(self, settings: Settings, clock_s: Callable[[], float] = monotonic_s) -> None:
        self.sites = frozenset(settings.consent.ledger_sites)
        self._address = settings.registry_address
        self._notice = notice_of(settings)
        self._timeout_s = settings.consent.timeout_ms / 1000
        self._clock_s = clock_s
        self._engine: Engine | None = None
        self._news: News | None = None
        self._kept: dict[str, bool] = {}
        self._kept_since_s = 0.0
        self._edition = 0
        self._next_try_s = float("-inf")
        self._running: Future[dict[str, bool]] | None = None
        self._is_away = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    async def agreed(self, actors: Collection[str]) -> Mapping[str, bool]:
        """Return actor → whether consent to personal lists is in force; without those who could not be looked up."""
        self._look_for_news()
        known = {actor: self._kept[actor] for actor in actors if actor in self._kept}
        missing = [actor for actor in dict.fromkeys(actors) if actor not in known]
        if not missing:
            return known
        edition, is_heard = self._edition, self._news is not None
        found = await self._read(missing)
        if is_heard and edition == self._edition:  # else somebody may have written since
            self._keep(found)
        return known | found

    def close(self) -> None:
        """Let go of the registry."""
        self._thread.shutdown()
        if self._news is not None:
            self._news.close()
        if self._engine is not None:
            self._engine.dispose()

    def _look_for_news(self) -> None:
        news, now_s = self._news, self._clock_s()
        is_old = now_s - self._kept_since_s >= MAX_AGE_S
        if is_old or (news is not None and news.any()):
            self._kept, self._kept_since_s = {}, now_s
            self._edition += 1
        if news is not None and news.is_lost:
            news.close()
            self._news = None

    def _keep(self, found: Mapping[str, bool]) -> None:
        self._kept |= found
        for actor in list(islice(self._kept, max(0, len(self._kept) - MAX_KEPT))):
            del self._kept[actor]

    async def _read(self, actors: Collection[str]) -> dict[str, bool]:
        if self._clock_s() < self._next_try_s:
            return {}
        if self._running is not None and not self._running.done():
            return {}  # it was waited for in vain, and holds the only thread
        self._running = None
        reading = self._thread.submit(self._read_now, actors)
        try:
            found = await asyncio.wait_for(asyncio.wrap_future(reading), self._timeout_s)
        except (CivicrecError, SQLAlchemyError, TimeoutError) as error:
            self._running = reading
            self._next_try_s = self._clock_s() + _PAUSE_S
            if not self._is_away:  # said once, not with each trial
                why = str(error).splitlines()[0] if str(error) else f"no answer in {self._timeout_s} s"
                _log.warning("ledger_not_read", error=why)
            self._is_away = True
            return {}
        if self._is_away:
            self._is_away = False
            _log.info("ledger_read_again")
        return found

    def _read_now(self, actors: Collection[str]) -> dict[str, bool]:
        if self._engine is None:
            self._engine = open_registry(self._address)
        if self._news is None:
            with suppress(Unavailable):  # then nothing is kept
                self._news = news_of(self._engine, "consents")
        entries = latest(self._engine, actors, PERSONALISE)
        return {actor: actor in entries and holds(entries[actor], self._notice) for actor in actors}
