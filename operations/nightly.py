"""The nightly job: the tuple `STEPS` is the documentation. Reads the warehouse, writes everything serving needs.

In: a day (the portal's calendar). Out: the run's manifest, saved last. The same events and catalogue give the same
tables, tags, models and run name, so it may be repeated at any time; a night that was cut off goes on with the step
after those that are done, as long as what they read is the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import msgspec

from civicrec.accounting.night_steps import NightSteps, StepDone
from civicrec.accounting.nights import noted_night
from civicrec.clock import local_date, monotonic_s, utc_now
from civicrec.crowds import MIN_ORDERING
from civicrec.errors import ArtifactError, InvalidInput
from civicrec.home import NIGHTLY_LOCK
from civicrec.logs import get_logger
from civicrec.process.locks import owned
from civicrec.process.progress import ShowProgress
from civicrec.registry.attributes import KEEP_PAST, drop_past
from civicrec.registry.deliveries import drop_old as drop_old_deliveries
from civicrec.registry.inbox import KEEP_MESSAGES
from civicrec.registry.inbox import drop_old as drop_old_messages
from civicrec.registry.runs import drop_future_runs, ruling_runs
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.warehouse.actor_tags import parts_of
from civicrec.warehouse.analysts import change_key
from civicrec.warehouse.catalogue_table import keep_catalogue
from civicrec.warehouse.co_occurrence import count_pairs
from civicrec.warehouse.day_tables import count_day
from civicrec.warehouse.night_tables import drop_night_tables
from civicrec.warehouse.retention import drop_before
from operations.night import INPUTS, Night
from operations.rankers import learn_rankers
from operations.replay import Click
from profiles.nightly import rebuild_tags
from profiles.segments.items import put_item_facts
from profiles.segments.members import Stores
from profiles.segments.sizes import count_segments
from profiles.tags import learned_tags
from recommender.artifacts import RECENT_DAYS, Models, load_models, newest_usable
from recommender.manifest import DataWindow, LearnedWeights, Manifest, without_trees
from recommender.scenes.files import SceneFiles
from recommender.training.co_occurrence import MAX_EASE_ITEMS, co_occurrence_from
from recommender.training.interactions import interactions_from
from recommender.training.nightly import models_in_force, publish, rebuild_models
from recommender.training.ranker import LEARNED_DAYS

#: How far back a run may be made again, days: of days before that, whose events may be gone, it would say too little.
OLDEST_DAYS = 366

_log = get_logger(__name__)
Counts = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the night.

    Attributes
    ----------
    name
        What `--only` and the manifest call it.
    needs
        Names of what it reads: of `INPUTS`, and of earlier steps whose work it builds upon.
    run
        Does it and returns its counts, ``None`` when there was nothing to do it with. Repeated, it changes nothing.
    stands
        Tells whether what it made, by its counts, is still there; asked before a night that was cut off builds upon it.
    shown
        What of its counts the manifest shows.
    """

    name: str
    needs: tuple[str, ...]
    run: Callable[[Night], Counts]
    stands: Callable[[Night, Counts], bool] = lambda night, counts: True
    shown: Callable[[Counts], Counts] = lambda counts: counts


def drop_old_events(night: Night) -> Counts:
    """Drop what is no longer kept: months of events, dead letters, past attributes, old messages, old pseudonyms."""
    oldest = min(night.day, local_date(utc_now())) - timedelta(days=night.settings.warehouse.keep_days)
    if months := drop_before(night.warehouse, oldest):
        _log.info("old_events_dropped", months=months)
    before = utc_now() - timedelta(days=night.settings.warehouse.keep_days)
    if n_deliveries := drop_old_deliveries(night.registry, before):
        _log.info("old_deliveries_dropped", deliveries=n_deliveries)
    if n_messages := drop_old_messages(night.registry, utc_now() - KEEP_MESSAGES):
        _log.info("old_messages_dropped", messages=n_messages)
    if n_values := drop_past(night.registry, utc_now() - KEEP_PAST):
        _log.info("past_attributes_dropped", values=n_values)
    change_key(night.warehouse, utc_now())
    return {"months": len(months)}


def keep_the_catalogue(night: Night) -> Counts:
    """Put the catalogue into the warehouse, where analysts join it with events."""
    return {"rows": keep_catalogue(night.warehouse, night.day, night.catalogue[1])}


def weigh_actors_tags(night: Night) -> Counts:
    """Weigh the tags of every actor for analysts and for serving."""
    tags_of = {item.item_id: learned_tags(item) for item in night.catalogue[1]}
    return asdict(
        rebuild_tags(
            night.warehouse,
            night.online,
            night.first,
            night.day,
            parts_of(night.interactions[0]),
            tags_of,
            night.choices,
            night.withdrawn,
        )
    )


def put_segments(night: Night) -> Counts:
    """Put what rules of segments ask of items beside the events, and ask every segment as of this day."""
    n_items = put_item_facts(night.warehouse, night.day, night.catalogue[1])
    stores = Stores(night.warehouse, night.registry, night.settings, load_keys(night.settings))
    return {"items": n_items, **count_segments(stores, night.day, utc_now())}


def learn_to_rank(night: Night) -> Counts:
    """Learn the weights of every scene's ranker from the clicks of the last days, replayed."""
    columns = (night.clicks.column(name).to_pylist() for name in ("actor", "item_id", "at_ms", "weight", "draw"))
    clicks = [Click(*row) for row in zip(*columns, strict=True)]
    runs = ruling_runs(night.registry, LEARNED_DAYS + 1)

    @cache
    def loaded(run: str) -> Models | None:
        with suppress(ArtifactError):
            return load_models(night.settings.models_path, run)
        return None

    def models_before(day: date) -> Models | None:
        return next((models for run in runs if run[:10] < day.isoformat() and (models := loaded(run))), None)

    learned = learn_rankers(
        clicks, night.catalogue[1], SceneFiles(night.settings.scenes_path).scenes, night.settings, models_before,
        night.report,
    )  # fmt: skip
    return {scene: msgspec.to_builtins(ranker) for scene, ranker in learned.items()}


def train_models(night: Night) -> Counts:
    """Learn the models and put them into their folder; none while nobody interacted with an item of the catalogue."""
    if ahead := drop_future_runs(night.registry):
        _log.warning("future_runs_dropped", runs=ahead, hint="made by a wrong clock or a mistyped --day")
    known, counted = {item.item_id for item in night.catalogue[1]}, None
    if night.parts == 1:
        data, n_unknown = interactions_from(night.interests(), known)
    else:  # of all actors only sums are read, of one part who interacted with what
        item_ids, n_unknown, counts = count_pairs(
            night.warehouse, night.first, night.day, known, RECENT_DAYS, MAX_EASE_ITEMS, MIN_ORDERING
        )  # fmt: skip
        counted = co_occurrence_from(item_ids, counts)
        data = interactions_from(night.interests(), known)[0].over(item_ids)
    earlier = models_in_force(night.registry, night.settings.models_path)
    if "rankers" in night.counts:
        rankers = msgspec.convert(night.counts["rankers"] or {}, dict[str, LearnedWeights])
    else:  # this step alone: what is in force stands
        rankers = earlier.manifest.rankers if earlier else {}
    facts = Manifest(night.day.isoformat(), msgspec.convert(night.window, DataWindow), n_unknown, rankers=rankers)
    return rebuild_models(
        night.settings.models_path, night.settings.training, data, facts, night.report, earlier, counted
    )


def _tags_stand(night: Night, counts: Counts) -> bool:
    rows = count_day(night.warehouse, "actor_tags", night.day)
    is_wiped = not night.online.is_complete()
    return counts is not None and counts["rows"] == rows and not is_wiped


def _segments_stand(night: Night, counts: Counts) -> bool:
    tables = {"items": "item_facts", "members": "segment_members"}
    return counts is not None and all(
        counts[name] == count_day(night.warehouse, table, night.day) for name, table in tables.items()
    )


def _items_stand(night: Night, counts: Counts) -> bool:
    return counts is not None and counts["rows"] == count_day(night.warehouse, "catalogue", night.day)


def _models_stand(night: Night, counts: Counts) -> bool:
    return not counts or newest_usable(night.settings.models_path, [counts["run"]]) is not None


STEPS: tuple[Step, ...] = (
    Step("retention", (), drop_old_events),
    Step("items", ("catalogue",), keep_the_catalogue, _items_stand),
    Step("tags", ("interests", "catalogue", "choices", "vocabulary"), weigh_actors_tags, _tags_stand),
    Step("segments", ("tags", "catalogue", "segments_put"), put_segments, _segments_stand),
    Step(
        "rankers",
        ("interests", "catalogue", "scenes"),
        learn_to_rank,
        shown=lambda counts: counts and without_trees(counts),
    ),
    Step("models", ("interests", "catalogue", "rankers"), train_models, _models_stand),
)


def run_nightly(
    settings: Settings,
    day: date | None = None,
    only: str | None = None,
    report: ShowProgress = lambda *_: None,
    steps: tuple[Step, ...] = STEPS,
) -> dict[str, Any]:
    """Run the nightly job, or one step of it, and return the manifest.

    Parameters
    ----------
    day
        Last day the run learns from, as the portal's calendar has it; today when not given.
    only
        Name of one of the steps; it is done whatever was done before. Only its part of the manifest is returned and no
        run is saved, except by `models`.
    report
        Called with how far each step is.

    Returns
    -------
    dict
        ``run`` (``None`` when there was nothing to learn from), ``day``, ``window``, the counts of each step under its
        name, ``seconds`` of each step and of reading what they need (``read``), ``resumed`` (the steps that a night
        that was cut off had done), ``unchanged`` (true when this very run existed already).

    Raises
    ------
    InvalidInput
        If `only` is no step, or `day` has not come yet or is too long past.
    Unavailable
        If a store is down. Start the job again when it is back; it goes on where it was.
    ConfigError
        If another nightly job runs on this home.
    """
    names = [step.name for step in steps]
    if only is not None and only not in names:
        raise InvalidInput(f"unknown step {only!r}; expected one of {', '.join(names)}")
    today = local_date(utc_now())
    day = _day_that_can_be(day or today, today)
    with owned(NIGHTLY_LOCK.of(settings.home), "the folder of a nightly job"), noted_night(settings.home):
        journal = NightSteps(settings.home, day)
        with closing(Night(settings, day, report)) as night:
            if left := drop_night_tables(night.warehouse):
                _log.warning("night_tables_dropped", tables=left, hint="the night before was killed")
            manifest = _run(night, steps, only, journal)
            if "models" in manifest and manifest["run"]:
                manifest["unchanged"] = publish(night.registry, settings.models_path, manifest["run"], day, manifest)
        if only is None:
            journal.forget()
        return manifest


def _run(night: Night, steps: tuple[Step, ...], only: str | None, journal: NightSteps) -> dict[str, Any]:
    """Run what is chosen and not done; return the manifest."""
    by_name: dict[str, Step] = {}
    manifest: dict[str, Any] = {"run": None, "day": night.day.isoformat(), "window": night.window}
    seconds = {"read": 0.0}
    resumed: list[str] = []
    for step in steps:
        by_name[step.name] = step
        if only not in (None, step.name):
            continue
        began = monotonic_s()
        read = _fingerprint(night, step, by_name)
        seconds["read"] += monotonic_s() - began
        done = None if only else journal.done(step.name, read)
        if done is not None and step.stands(night, done.counts):
            resumed.append(step.name)
        else:
            night.report(step.name, 0, 1)
            began = monotonic_s()
            counts = step.run(night)
            done = StepDone(read, counts, round(monotonic_s() - began, 3))
            if only is None:
                journal.note(step.name, done)
        night.report(step.name, 1, 1)
        night.counts[step.name] = done.counts
        manifest[step.name] = step.shown(done.counts)
        seconds[step.name] = done.seconds
    manifest["run"] = (manifest.get("models") or {}).get("run")
    return manifest | {"seconds": seconds | {"read": round(seconds["read"], 3)}, "resumed": resumed}


def _fingerprint(night: Night, step: Step, earlier: Mapping[str, Step]) -> str:
    """Return what changes with the day, the settings and anything a step reads."""
    digest = hashlib.sha256(repr((night.day, step.name, night.settings.training)).encode())
    for need in step.needs:
        if need not in INPUTS and (need == step.name or need not in earlier):
            raise ValueError(f"step {step.name!r} needs {need!r}; expected an input or an earlier step")
        digest.update((night.read(need) if need in INPUTS else _fingerprint(night, earlier[need], earlier)).encode())
    return digest.hexdigest()


def _day_that_can_be(day: date, today: date) -> date:
    """Refuse a day that no run can be made for: it would rule until it comes, or empty days whose events are gone."""
    oldest = today - timedelta(days=OLDEST_DAYS)
    if oldest <= day <= today:
        return day
    why = "has not come yet" if day > today else "is too long past"
    raise InvalidInput(
        f"the day {day.isoformat()} {why}: today is {today} on this machine's clock; expected {oldest} to {today}"
    )
