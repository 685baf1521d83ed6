"""What everybody's lists are made from: catalogue, models and trends that belong together, replaced as one.

In: the registry, the model folder, the online store. Out: the next `Snapshot`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from civicrec.clock import to_ms
from civicrec.errors import ArtifactError, CivicrecError
from civicrec.logs import get_logger
from civicrec.registry.catalogue import catalogue_version, items_since
from civicrec.registry.runs import latest_run
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from profiles.store import OnlineStore
from recommender.artifacts import load_models
from recommender.catalogue import Catalogue
from recommender.signals import TREND_HOURS, PlacedHour, PlacedModels, Trends, place_hour

_log = get_logger(__name__)
_HOUR_MS = 3_600_000
#: Past hours of trends change only by late events; reading them all each second would cost more than it tells.
_PAST_HOURS_S = 60.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent view; lists of one request are made from one snapshot."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    models: PlacedModels | None = None
    trends: Trends = field(default_factory=Trends)


class SnapshotKeeper:
    """Keeps the current `Snapshot`. `refresh_…` run in one thread; `current` may be read from any."""

    def __init__(self, settings: Settings, store: OnlineStore) -> None:
        self.current = Snapshot()
        self.has_catalogue = False
        self._settings = settings
        self._store = store
        self._registry: Engine | None = None
        self._failed_run = ""
        self._hours: dict[int, PlacedHour] = {}
        self._hours_version = -1
        self._past_read_ms = 0
        self._complaints: dict[str, str] = {}

    def refresh_catalogue(self) -> None:
        """Take in what changed in the registry: items, and the newest run's models."""
        with self._tolerant("registry"):
            if self._registry is None:
                self._registry = open_registry(self._settings.registry_address)
            before = snapshot = self.current
            version = catalogue_version(self._registry)
            if version != snapshot.catalogue.version:
                # A version below ours means another registry: begin anew.
                known = snapshot.catalogue if version > snapshot.catalogue.version else Catalogue()
                version, changed = items_since(self._registry, known.version)
                snapshot = self._moved(snapshot, known.refreshed(version, changed))
                _log.info("catalogue_refreshed", version=version, changed=len(changed), items=len(snapshot.catalogue))
            models = self._models(snapshot, self._registry)
            self.current = snapshot if models is snapshot.models else replace(snapshot, models=models)
            if self.current is not before:
                # A catalogue is a million objects that live long: looking through them for garbage would stop lists.
                gc.freeze()
            self.has_catalogue = True

    def refresh_trends(self, now: datetime) -> None:
        """Read the hour buckets: the last two each time, the older ones each minute."""
        with self._tolerant("trends"):
            now_ms, catalogue = to_ms(now), self.current.catalogue
            hour = now_ms // _HOUR_MS
            is_due = now_ms - self._past_read_ms >= _PAST_HOURS_S * 1000 or self._hours_version != catalogue.version
            asked = range(hour - TREND_HOURS + 1 if is_due else hour - 1, hour + 1)
            read = {at: place_hour(bucket, catalogue) for at, bucket in self._store.trends(list(asked)).items()}
            kept = {} if is_due else {at: bucket for at, bucket in self._hours.items() if at not in asked}
            self._hours, self._hours_version = kept | read, catalogue.version
            self._past_read_ms = now_ms if is_due else self._past_read_ms
            self.current = replace(self.current, trends=Trends.summed(self._hours, now))

    def close(self) -> None:
        """Let go of the registry."""
        if self._registry is not None:
            self._registry.dispose()

    def _moved(self, snapshot: Snapshot, catalogue: Catalogue) -> Snapshot:
        """Put the models on the new catalogue's rows; trends keep their rows, which never change within a registry."""
        placed = snapshot.models and PlacedModels.of(snapshot.models.models, catalogue)
        same_rows = catalogue.item_ids[: len(snapshot.catalogue)] == snapshot.catalogue.item_ids
        return Snapshot(catalogue, placed, snapshot.trends if same_rows else Trends())

    def _models(self, snapshot: Snapshot, registry: Engine) -> PlacedModels | None:
        newest = latest_run(registry)
        run = newest[0] if newest else ""
        if run in ("", self._failed_run) or (snapshot.models and snapshot.models.models.run == run):
            return snapshot.models
        try:
            placed = PlacedModels.of(load_models(self._settings.models_path, run), snapshot.catalogue)
        except ArtifactError as error:
            self._failed_run = run  # said once; a new run is tried again
            _log.error("models_not_loaded", run=run, error=str(error))
            return snapshot.models
        _log.info("models_loaded", run=run, items=len(placed.models.item_ids))
        return placed

    @contextmanager
    def _tolerant(self, what: str) -> Iterator[None]:
        """Keep the snapshot in force while its source cannot be read; say so once."""
        try:
            yield
        except (CivicrecError, SQLAlchemyError, OSError) as error:
            if self._complaints.get(what) != type(error).__name__:
                _log.warning("refresh_failed", what=what, error=str(error).splitlines()[0])
            self._complaints[what] = type(error).__name__
        else:
            if self._complaints.pop(what, None):
                _log.info("refresh_recovered", what=what)
