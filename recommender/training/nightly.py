"""The nightly job: daily tables → tags → models → manifest. Reads the warehouse, writes everything serving needs.

In: a day (the portal's calendar). Out: the run's manifest. The same events and catalogue give the same tables, tags,
models and run name, so it may be repeated, or taken up again after a failure, at any time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from civicrec.accounting.nights import NIGHTLY_LOCK, noted_night
from civicrec.clients import redis_client
from civicrec.clock import PORTAL_TZ, local_date, monotonic_s, to_ms, utc_now
from civicrec.crowds import K_ANONYMITY
from civicrec.errors import ArtifactError, InvalidInput
from civicrec.logs import get_logger
from civicrec.process.locks import owned
from civicrec.process.progress import ShowProgress
from civicrec.registry.catalogue import items_since
from civicrec.registry.runs import drop_future_runs, latest_run, recent_runs, save_run, suppressions
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.daily import open_days, rebuild_daily
from civicrec.warehouse.interests import read_interests, withdrawals
from civicrec.warehouse.retention import drop_before
from profiles.nightly import KEPT_DAYS, rebuild_tags
from profiles.online.bounds import bounds_of
from profiles.online.redis_store import RedisOnlineStore
from profiles.tags import learned_tags
from recommender.artifacts import FORMAT, load_models, newest_usable, save_models
from recommender.training.interactions import Interactions, interactions_from
from recommender.training.train import SEED, train

Step = Literal["daily", "tags", "models"]
STEPS: tuple[Step, ...] = get_args(Step)

#: Model folders kept: the one in use, and a few nights to look back at.
KEPT_RUNS = 7
#: Runs looked through for one, besides the newest, that can be used if the newest is damaged.
_LOOKED_AT = 100
#: How far back a run may be made again, days. A day is rebuilt from its events, and a day without any is emptied, so
#: older ones, whose events may be gone, are never touched.
OLDEST_DAYS = 366

_log = get_logger(__name__)


def run_nightly(
    settings: Settings, day: date | None = None, only: str | None = None, report: ShowProgress = lambda *_: None
) -> dict[str, Any]:
    """Run the nightly job, or one step of it, and return the manifest.

    Parameters
    ----------
    day
        Last day the run learns from, as the portal's calendar has it; today when not given.
    only
        One of `STEPS`; then only that part of the manifest is returned and no run is saved, except by `models`.
    report
        Told how far each step is.

    Returns
    -------
    dict
        ``run`` (``None`` when there was nothing to learn from), ``day``, ``window``, ``daily``, ``tags``, ``models``,
        ``seconds``, ``unchanged`` (true when this very run existed already).

    Raises
    ------
    InvalidInput
        If `only` is no step, or `day` has not come yet or is too long past.
    Unavailable
        If a store is down. Start the job again when it is back.
    ConfigError
        If another nightly job runs on this home.
    """
    if only is not None and only not in STEPS:
        raise InvalidInput(f"unknown step {only!r}; expected one of {', '.join(STEPS)}")
    chosen: set[str] = {only} if only else set(STEPS)
    today = local_date(utc_now())
    day = _day_that_can_be(day or today, today)
    with owned(settings.home / NIGHTLY_LOCK, "the folder of a nightly job"), noted_night(settings.home):
        return _Night(settings, day, report).run(chosen)


def _day_that_can_be(day: date, today: date) -> date:
    """Refuse a day that no run can be made for: it would rule until it comes, or empty days whose events are gone."""
    oldest = today - timedelta(days=OLDEST_DAYS)
    if oldest <= day <= today:
        return day
    why = "has not come yet" if day > today else "is too long past"
    raise InvalidInput(
        f"the day {day.isoformat()} {why}: today is {today} on this machine's clock; expected {oldest} to {today}"
    )


class _Night:
    """One run: the stores it talks to, and what it has found so far."""

    def __init__(self, settings: Settings, day: date, report: ShowProgress) -> None:
        self._settings = settings
        self._day = day
        self._report = report
        self._warehouse = ClickHouseWarehouse(settings.warehouse)
        self._registry = open_registry(settings.registry_address)
        self._seconds: dict[str, float] = {}

    def run(self, chosen: set[str]) -> dict[str, Any]:
        first = self._day - timedelta(days=self._settings.training.window_days - 1)
        manifest: dict[str, Any] = {
            "run": None,
            "day": self._day.isoformat(),
            "window": {"from": first.isoformat(), "until": self._day.isoformat()},
        }
        try:
            if "daily" in chosen:
                manifest["daily"] = self._daily()
            if chosen & {"tags", "models"}:
                self._learn(first, chosen, manifest)
            return manifest | {"seconds": self._seconds}
        finally:
            self._warehouse.close()
            self._registry.dispose()

    def _learn(self, first: date, chosen: set[str], manifest: dict[str, Any]) -> None:
        training = self._settings.training
        with self._timed("read"):
            gone = withdrawals(self._warehouse, self._day - timedelta(days=KEPT_DAYS))  # first: who comes later is seen
            interests = read_interests(
                self._warehouse, first, self._day, to_ms(_end_of(self._day)), training.half_life_days
            )
            _, items = items_since(self._registry)
        if "tags" in chosen:
            with self._timed("tags"):
                store = RedisOnlineStore(redis_client(self._settings.redis), bounds_of(self._settings.redis))
                tags_of = {item.item_id: learned_tags(item) for item in items}
                written = rebuild_tags(
                    self._warehouse, store, self._day, interests, tags_of, suppressions(self._registry), gone
                )
                manifest["tags"] = asdict(written)
        if "models" in chosen:
            if ahead := drop_future_runs(self._registry):
                _log.warning("future_runs_dropped", runs=ahead, hint="made by a wrong clock or a mistyped --day")
            with self._timed("models"):
                data, n_unknown = interactions_from(interests, {item.item_id for item in items})
                self._models(data, n_unknown, manifest)

    def _daily(self) -> dict[str, int]:
        with self._timed("daily"):
            oldest = min(self._day, local_date(utc_now())) - timedelta(days=self._settings.warehouse.keep_days)
            if months := drop_before(self._warehouse, oldest):
                _log.info("old_events_dropped", months=months)
            first, last = open_days(self._day)
            return rebuild_daily(self._warehouse, first, last, lambda done, total: self._report("daily", done, total))

    def _models(self, data: Interactions, n_unknown: int, manifest: dict[str, Any]) -> None:
        manifest["models"] = None
        if not len(data.users):
            return  # nobody interacted with an item of the catalogue: earlier models, if any, stay in force
        folder, training = self._settings.models_path, self._settings.training
        run = manifest["run"] = f"{self._day}-{_fingerprint(data, training.model_dump_json())}"
        try:
            models = load_models(folder, run)
            manifest["unchanged"] = True
        except ArtifactError:
            models = train(
                data,
                run,
                training,
                report=lambda _, done, total: self._report("models", done, total),
                facts={"day": manifest["day"], "window": manifest["window"], "unknown_items": n_unknown},
            )
            save_models(folder, models)
            manifest["unchanged"] = False
        manifest["models"] = models.manifest
        newest = latest_run(self._registry)
        if not (manifest["unchanged"] and newest and newest[0] == run):
            save_run(self._registry, run, self._day, {**manifest, "seconds": self._seconds}, utc_now())
        earlier = newest_usable(folder, [one for one in recent_runs(self._registry, _LOOKED_AT) if one != run])
        _prune(folder, {run, earlier, *recent_runs(self._registry, KEPT_RUNS)})

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        self._report(step, 0, 1)
        began = monotonic_s()
        yield
        self._seconds[step] = round(monotonic_s() - began, 3)
        self._report(step, 1, 1)


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=PORTAL_TZ) + timedelta(days=1)


def _fingerprint(data: Interactions, settings: str) -> str:
    facts = json.dumps([data.fingerprint(), settings, FORMAT, SEED, K_ANONYMITY])
    return hashlib.sha256(facts.encode()).hexdigest()[:8]


def _prune(folder: Path, kept: Collection[str | None]) -> None:
    """Remove model folders of runs long past; a process that still maps one keeps its pages."""
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith(".") and path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)
