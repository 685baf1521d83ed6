"""The nightly models: interactions of the window → models in a folder of their run → the run that lists are made from.

In: interactions, settings. Out: a models folder named by day and fingerprint, and its row in the registry.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine

from civicrec.clock import utc_now
from civicrec.crowds import MIN_ORDERING
from civicrec.errors import ArtifactError
from civicrec.process.progress import ShowProgress
from civicrec.registry.runs import choice, latest_run, recent_runs, ruling_runs, save_run
from civicrec.settings import TrainingSettings
from recommender.artifacts import FORMAT, Models, load_models, newest_models, newest_usable, save_models
from recommender.manifest import Manifest, without_trees
from recommender.training.co_occurrence import CoOccurrence
from recommender.training.interactions import Interactions
from recommender.training.train import SEED, train

#: Model folders kept: the one in use, and a few nights to look back at.
KEPT_RUNS = 7
#: Runs looked through for one, besides the newest, that can be used if the newest is damaged.
_LOOKED_AT = 100


def rebuild_models(
    folder: Path, training: TrainingSettings, data: Interactions, facts: Manifest, report: ShowProgress,
    earlier: Models | None = None, counted: CoOccurrence | None = None,
) -> dict[str, Any] | None:  # fmt: skip
    """Learn the models, unless their folder is there; return their manifest and run, ``None`` without an interaction.

    Parameters
    ----------
    facts
        What the manifest says besides what is learned; its day begins the run's name.
    earlier
        The models in force, which the new ones are compared with.
    counted
        As `train` has it.
    """
    if not len(data.users):
        return None  # earlier models, if any, stay in force
    learned_from = data.fingerprint() + (counted.fingerprint() if counted else "")
    run = f"{facts.day}-{_fingerprint(learned_from, training.model_dump_json(), facts)}"
    try:
        models = load_models(folder, run)
    except ArtifactError:
        models = train(
            data, run, training, report=lambda _, done, total: report("models", done, total), facts=facts,
            earlier=earlier, counted=counted,
        )  # fmt: skip
        save_models(folder, models)
    manifest = msgspec.to_builtins(models.manifest)
    if rankers := manifest.get("rankers"):
        manifest["rankers"] = without_trees(rankers)
    return {**manifest, "run": run}


def models_in_force(registry: Engine, folder: Path) -> Models | None:
    """Return the models that lists are made from, ``None`` while there are none."""
    return newest_models(folder, ruling_runs(registry, _LOOKED_AT))


def publish(registry: Engine, folder: Path, run: str, day: date, manifest: dict[str, Any]) -> bool:
    """Record the run as the newest, unless it is, and remove folders of runs long past.

    One that the gate refused is recorded and kept, and is not in force.

    Returns
    -------
    bool
        Whether the run was recorded before.
    """
    known = recent_runs(registry, _LOOKED_AT)
    newest = latest_run(registry)
    if not (newest and newest[0] == run):
        gate = (manifest.get("models") or {}).get("gate") or {}
        facts = {**manifest, "unchanged": run in known}
        save_run(registry, run, day, facts, utc_now(), is_refused=gate.get("decision") == "refused")
    others = [one for one in ruling_runs(registry, _LOOKED_AT) if one != run]
    first = newest_usable(folder, others)  # in force if the run is refused or damaged
    after = newest_usable(folder, others[1:]) if choice(registry) else None  # in force once the choice ends
    _prune(folder, {run, first, after, *recent_runs(registry, KEPT_RUNS)})
    return run in known


def _fingerprint(learned_from: str, settings: str, facts: Manifest) -> str:
    rankers = msgspec.to_builtins(facts.rankers)
    text = json.dumps([learned_from, settings, FORMAT, SEED, MIN_ORDERING, rankers])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _prune(folder: Path, kept: Collection[str | None]) -> None:
    """Remove model folders of runs long past; a process that still maps one keeps its pages."""
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith(".") and path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)
