"""What everybody's lists are made from: catalogue, models and trends that belong together, replaced as one.

In: the registry, the model folder, the online store. Out: the next `Snapshot`.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from civicrec.clock import monotonic_s, to_ms
from civicrec.errors import CivicrecError, Unavailable
from civicrec.items import Item
from civicrec.logs import get_logger
from civicrec.registry.catalogue import Kept, catalogue_version, items_since
from civicrec.registry.connection import connect_as_it_stands
from civicrec.registry.editorial import rules
from civicrec.registry.news import News, news_of
from civicrec.registry.runs import ruling_runs
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from profiles.online.ports import CrowdReader
from recommender.artifacts import load_models, stamp_of
from recommender.catalogue import Catalogue, by_id, shelved
from recommender.editorial import Editorial
from recommender.eligibility import period_of
from recommender.likeness import inverse_lengths
from recommender.signals import PlacedModels
from recommender.trends import TREND_HOURS, Trends, TrendWindows

_log = get_logger(__name__)
#: Past hours of trends change only by late events; reading them all each second would cost more than it tells.
_PAST_HOURS_S = 60.0
#: A catalogue that could not be looked at for so long is a problem: an upgrade or a restart of its database is shorter.
STALE_S = 60.0
#: Runs looked through for one whose models can be used.
_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent view; lists of one request are made from one snapshot."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    models: PlacedModels | None = None
    trends: Trends = field(default_factory=Trends)
    editorial: Editorial = field(default_factory=Editorial)

    def periods(self, now: datetime) -> tuple[object, object]:
        """Return objects that stay the same ones until the time of an item, or of a rule of editors, begins or ends."""
        return period_of(self.catalogue, now), self.editorial.period(to_ms(now))


class SnapshotKeeper:
    """Keeps the current `Snapshot`. Of each method one call runs at a time.

    Parameters
    ----------
    faults
        Called with ``registry``, ``models`` or ``trends`` when one could not be read.
    """

    def __init__(
        self,
        settings: Settings,
        store: CrowdReader,
        faults: Callable[[str], None] = lambda _: None,
        clock_s: Callable[[], float] = monotonic_s,
    ) -> None:
        self.current = Snapshot()
        self.has_catalogue = False
        self._settings = settings
        self._store = store
        self._registry: Engine | None = None
        self._news: News | None = None
        self._replacing = threading.Lock()
        self._faults = faults
        self._monotonic_s = clock_s
        self._done_at_s = {"registry": clock_s()}
        self._first_run = ""
        self._reads_only = False
        self._damaged: dict[str, tuple[tuple[str, int, int], ...]] = {}
        self._windows = TrendWindows()
        self._hours_version = -1
        self._past_read_ms = 0
        self._complaints: dict[str, str] = {}

    def is_behind(self) -> bool:
        """Say whether the catalogue or the editors' rules changed: one row is read. Not, while that cannot be told."""
        try:
            return self._registry is not None and catalogue_version(self._registry) != self.current.catalogue.version
        except (CivicrecError, SQLAlchemyError):
            return False  # the next whole look says what is wrong

    def has_news(self) -> bool:
        """Say whether the catalogue or the rules may have changed since this was asked before; costs microseconds."""
        return self._news is not None and self._news.any()

    def catch_up(self) -> None:
        """Take in what was decided: rules, and what changed of known items; new items come with the next refresh.

        Those take long, as the models are placed on them, and neither a withdrawal nor a list should wait for that.
        """
        with suppress(CivicrecError, SQLAlchemyError):  # the next whole look says what is wrong
            while self._registry is not None and not self._caught_up(self._registry):
                pass

    def _caught_up(self, registry: Engine) -> bool:
        before, catalogue = self.current, self.current.catalogue
        if catalogue_version(registry) <= catalogue.version:  # below ours: another registry, which a refresh takes in
            return True
        version, changed = items_since(registry, catalogue.version, shelved)
        known = [item for item in changed if item.item_id in catalogue.items]
        if known:
            catalogue = catalogue.refreshed(version if len(known) == len(changed) else catalogue.version, known)
            _work_out(catalogue)
        editorial = Editorial.of(rules(registry), catalogue)
        if catalogue is before.catalogue and editorial == before.editorial:
            return True
        return self._replaced(before, replace(before, catalogue=catalogue, editorial=editorial))

    def refresh_catalogue(self) -> None:
        """Take in what changed in the registry: items, the editors' rules, and the newest run's models."""
        with self._tolerant("registry"):
            with self._opened() as registry:
                while not self._taken_in(registry):
                    pass
            self.has_catalogue = True

    def _taken_in(self, registry: Engine) -> bool:
        before = snapshot = self.current
        version = catalogue_version(registry)
        if version != snapshot.catalogue.version:
            # A version below ours means another registry: begin again.
            known = snapshot.catalogue if version > snapshot.catalogue.version else Catalogue()
            version, changed = items_since(registry, known.version, shelved)
            if not changed and len(snapshot.catalogue) and known is not snapshot.catalogue:
                n = len(snapshot.catalogue)
                raise Unavailable(f"the registry is empty, which held {n} items: was it wiped? lists go on with these")
            if changed or known is not snapshot.catalogue:
                snapshot = self._moved(snapshot, known.refreshed(version, changed))
            else:
                snapshot = replace(snapshot, catalogue=replace(known, version=version))
            snapshot = replace(snapshot, editorial=Editorial.of(rules(registry), snapshot.catalogue))
            _log.info("catalogue_refreshed", version=version, changed=len(changed), items=len(snapshot.catalogue))
            _work_out(snapshot.catalogue)
        models = self._models(snapshot, registry)
        if models is not snapshot.models:
            snapshot = replace(snapshot, models=models)
        return snapshot is before or self._replaced(before, snapshot)

    def _replaced(self, before: Snapshot, snapshot: Snapshot) -> bool:
        """Put a snapshot in the place of the one it was made from; not, if another came there meanwhile."""
        with self._replacing:
            if self.current.catalogue is not before.catalogue or self.current.editorial is not before.editorial:
                return False
            trends = self.current.trends if snapshot.trends is before.trends else snapshot.trends
            self.current = replace(snapshot, trends=trends)
        # A catalogue is a million objects that live long: looking through them for garbage would stop lists.
        gc.freeze()
        return True

    @contextmanager
    def _opened(self) -> Iterator[Engine]:
        """Open the registry; on a full or read-only disk for this look only, so that lists come all the same."""
        address = self._settings.registry_address
        if self._registry is None:
            try:
                self._registry = open_registry(address)
            except Unavailable as error:
                engine = connect_as_it_stands(address)
                if engine is None:
                    raise
                if not self._reads_only:
                    self._reads_only = True
                    _log.warning("registry_read_as_it_stands", error=str(error))
                try:
                    yield engine
                finally:
                    engine.dispose()
                return
            self._reads_only = False
        self._listen(self._registry)  # before the look, so that nothing falls between
        yield self._registry

    def _listen(self, registry: Engine) -> None:
        if self._news is not None and not self._news.is_lost:
            return
        if self._news is not None:
            self._news.close()
        with suppress(Unavailable):  # the looks in the background go on
            self._news = news_of(registry)

    def refresh_trends(self, now: datetime) -> None:
        """Read the hour buckets: the last two each time, the older ones each minute."""
        with self._tolerant("trends"):
            now_ms, catalogue = to_ms(now), self.current.catalogue
            is_due = now_ms - self._past_read_ms >= _PAST_HOURS_S * 1000 or self._hours_version != catalogue.version
            windows = self._windows
            trends = windows.read(self._store, TREND_HOURS if is_due else 2, catalogue, now)
            self._hours_version = catalogue.version
            self._past_read_ms = now_ms if is_due else self._past_read_ms
            with self._replacing:  # a withdrawal may have been taken in meanwhile
                if windows is self._windows:
                    self.current = replace(self.current, trends=trends)

    def item_with_text(self, item: Item) -> Item:
        """Return an item of the snapshot with its text, as the registry has it now; without, while that is away."""
        try:
            kept = Kept(self._registry).named([item.item_id]) if self._registry is not None else {}
        except (CivicrecError, SQLAlchemyError) as error:
            _log.warning("item_text_not_read", item=item.item_id, error=str(error).splitlines()[0])
            kept = {}
        return kept.get(item.item_id) or msgspec.structs.replace(item, body_text="")

    def was_online(self, item_id: str) -> bool:
        """Say whether a withdrawn item had been online; not, while the registry is away."""
        try:
            return self._registry is not None and Kept(self._registry).goes_back_to(item_id) == "online"
        except (CivicrecError, SQLAlchemyError):
            return False

    @property
    def is_standing_still(self) -> bool:
        """Whether trends could not be read last time, so that those in force grow old."""
        return "trends" in self._complaints

    def problems(self) -> list[str]:
        """Say what of the snapshot is not as it should be, one sentence each."""
        sentences = []
        silent_s = self._monotonic_s() - self._done_at_s["registry"]
        if silent_s > STALE_S:
            sentences.append(f"the catalogue could not be read for {silent_s:.0f} s; withdrawals do not act")
        models, first = self.current.models, self._first_run
        if first in self._damaged and (models is None or models.models.run != first):
            in_force = models.models.run if models else "none"
            sentences.append(f"the models of run {first} are damaged; {in_force} in force")
        return sentences

    def close(self) -> None:
        """Let go of the registry."""
        if self._news is not None:
            self._news.close()
        if self._registry is not None:
            self._registry.dispose()

    def _moved(self, snapshot: Snapshot, catalogue: Catalogue) -> Snapshot:
        """Put the models on the new catalogue's rows; trends keep their rows, which never change within a registry."""
        # Placing takes the better part of a second for a large catalogue, which a withdrawal must not wait for.
        has_new = catalogue.item_ids is not snapshot.catalogue.item_ids
        placed = snapshot.models and (
            PlacedModels.of(snapshot.models.models, catalogue) if has_new else snapshot.models
        )
        same_rows = catalogue.item_ids[: len(snapshot.catalogue)] == snapshot.catalogue.item_ids
        if not same_rows:
            self._windows = TrendWindows()
        return Snapshot(catalogue, placed, snapshot.trends if same_rows else Trends())

    def _models(self, snapshot: Snapshot, registry: Engine) -> PlacedModels | None:
        """Return the models of the first ruling run that can be used: those in force, unless it is another run now."""
        runs = ruling_runs(registry, _LOOKED_AT)
        self._first_run = runs[0] if runs else ""
        for run in runs:
            if snapshot.models and snapshot.models.models.run == run:
                break
            stamp = stamp_of(self._settings.models_path, run)
            if self._damaged.get(run) == stamp:
                continue
            try:
                placed = PlacedModels.of(load_models(self._settings.models_path, run), snapshot.catalogue)
            except Exception as error:  # whatever is wrong with models, the catalogue must go on
                self._damaged[run] = stamp  # said once; looked at again when its files change
                self._faults("models")
                _log.error("models_not_loaded", run=run, error=str(error))
                continue
            _log.info("models_loaded", run=run, items=len(placed.models.item_ids))
            return placed
        return snapshot.models

    @contextmanager
    def _tolerant(self, what: str) -> Iterator[None]:
        """Keep the snapshot in force while its source cannot be read; say so once."""
        try:
            yield
        except Exception as error:  # the thread that runs this must outlive whatever a store or a file brings
            self._faults(what)
            if self._complaints.get(what) != type(error).__name__:
                known = isinstance(error, (CivicrecError, SQLAlchemyError, OSError))
                message = (str(error) or repr(error)).splitlines()[0]
                _log.warning("refresh_failed", what=what, error=message, exc_info=None if known else error)
            self._complaints[what] = type(error).__name__
        else:
            self._done_at_s[what] = self._monotonic_s()
            if self._complaints.pop(what, None):
                _log.info("refresh_recovered", what=what)


def _work_out(catalogue: Catalogue) -> None:
    """Let a catalogue work out what takes a look at all items, which no list should wait for."""
    for of_all in (by_id, inverse_lengths):
        catalogue.once(of_all)
