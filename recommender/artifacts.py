"""Trained models on disk: written whole by the nightly job, memory-mapped by serving.

In: arrays. Out: a `Models` whose arrays are mapped, not read. A model folder is immutable once it has its name; the
newest run is the one the registry names, the one in force the newest whose files are what was written.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from civicrec.errors import ArtifactError, Unavailable
from recommender.manifest import Manifest

FORMAT = 3
_LOWEST, _HIGHEST = np.finfo(np.float32).min, np.finfo(np.float32).max
_MOST = np.iinfo(np.int32).max
#: Days that count as recent: what a page calls the last week.
RECENT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Models:
    """What one nightly run learned.

    Attributes
    ----------
    run
        Name of the run: its day and a fingerprint of what it learned from, for example ``2026-01-31-0f3a9c1d``.
        The same data and settings give the same run, so a folder never changes once it is named.
    item_ids
        Row number → item id; every array's first axis follows it.
    popularity
        (n_items,) float32, share of actors that interacted with the item in the window, 0..1.
    neighbours
        (n_items, k) int32 row numbers of the strongest neighbours, -1 where there are fewer. Row i holds what a
        history with item i says about others; a history's scores are the sum of its rows (`scoring.py`).
    neighbour_weights
        (n_items, k) float32 item-item weights; may be negative (EASE), 0 where the neighbour is -1.
    neighbour_actors
        (n_items, k) int32, how many actors interacted with both; 0 where the neighbour is -1.
    recent_actors
        (n_items,) int32, actors whose last interaction with the item lies in the last `RECENT_DAYS` of the window.
    chance_actors
        Two items share ``chance_actors * popularity_1 * popularity_2`` actors by chance: the number of actors if all
        interacted with as many items, more where a few interact with most.
    factors
        (n_items, f) float32 ALS item vectors, all 0 for an item nobody interacted with.
    als_regularization, als_alpha
        As fitted: needed to fold a visitor in (`scoring.fold_in`; Hu, Koren & Volinsky 2008, eq. 4).
    manifest
        Data window, metrics, seconds, versions.
    """

    run: str
    item_ids: tuple[str, ...]
    popularity: NDArray[np.float32]
    neighbours: NDArray[np.int32]
    neighbour_weights: NDArray[np.float32]
    neighbour_actors: NDArray[np.int32]
    recent_actors: NDArray[np.int32]
    factors: NDArray[np.float32]
    chance_actors: float
    als_regularization: float
    als_alpha: float
    manifest: Manifest


_ARRAYS = ("popularity", "neighbours", "neighbour_weights", "neighbour_actors", "recent_actors", "factors")
_FACTS, _CHECKSUMS = "models.json", "checksums.json"
_FILES = (_FACTS, *(f"{name}.npy" for name in _ARRAYS))


def save_models(folder: Path, models: Models) -> Path:
    """Write the models to ``folder/<run>``, replacing an earlier try of the same run; return the path.

    They are on the disk, with a checksum of each file, before the folder has its name.

    Raises
    ------
    ArtifactError
        If they hold what no list can be made from; nothing is written.
    Unavailable
        If disk or memory do not take them; what was written before stays, and nothing is left behind.
    """
    _check(models)
    draft = folder / f".{models.run}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _put(folder, draft, models)
    except (OSError, MemoryError) as error:
        shutil.rmtree(draft, ignore_errors=True)  # half a draft would keep the space that is short
        if isinstance(error, MemoryError):
            raise Unavailable(f"cannot write the models to {folder}: no memory is left") from error
        raise Unavailable(f"cannot write the models to {folder}: {error.strerror or error}; free disk space") from error


def _put(folder: Path, draft: Path, models: Models) -> Path:
    final = folder / models.run
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name in _ARRAYS:
        np.save(draft / f"{name}.npy", getattr(models, name))
    facts = {
        "format": FORMAT, "run": models.run, "item_ids": models.item_ids,
        "manifest": msgspec.to_builtins(models.manifest),
        "als_regularization": models.als_regularization, "als_alpha": models.als_alpha,
        "chance_actors": models.chance_actors,
    }  # fmt: skip
    (draft / _FACTS).write_text(json.dumps(facts, ensure_ascii=False))
    (draft / _CHECKSUMS).write_text(json.dumps({name: _checksum(draft / name) for name in _FILES}))
    for name in (*_FILES, _CHECKSUMS, "."):
        _sync(draft / name)
    if final.exists():
        old = folder / f".{models.run}.old.{os.getpid()}"
        final.rename(old)
        draft.rename(final)
        shutil.rmtree(old)
    else:
        draft.rename(final)
    _sync(folder)
    return final


def load_models(folder: Path, run: str) -> Models:
    """Map the models of a run, once they were found to be what was written.

    Raises
    ------
    ArtifactError
        If the folder is missing, incomplete, damaged, or from another format; run `civicrec nightly` to make another.
    """
    path = folder / run
    try:
        for name in (*_FILES, _CHECKSUMS):
            if not (path / name).is_file():  # a pipe or a device would be read for ever
                raise ArtifactError(f"{path / name} is no file; run `civicrec nightly`")
        facts = json.loads((path / _FACTS).read_bytes())
        if facts["format"] != FORMAT:
            raise ArtifactError(f"{path} has format {facts['format']}, expected {FORMAT}; run `civicrec nightly`")
        checksums = json.loads((path / _CHECKSUMS).read_bytes())
        for name in _FILES:
            if checksums[name] != _checksum(path / name):
                raise ArtifactError(f"{path / name} is not what was written (checksum); run `civicrec nightly`")
        if facts["run"] != run:
            raise ArtifactError(f"{path} holds run {facts['run']!r}, expected {run!r}; run `civicrec nightly`")
        _check(_mapped(path, facts))
        return _mapped(path, facts)  # anew: what the check has read need not stay in memory
    except ArtifactError:
        raise
    except Exception as error:  # a damaged file may say anything, and its readers fail in as many ways
        raise ArtifactError(f"no usable models in {path}: {error!r}; run `civicrec nightly`") from error


def newest_usable(folder: Path, runs: Iterable[str]) -> str | None:
    """Return the first of the runs whose models can be loaded, ``None`` if none can."""
    models = newest_models(folder, runs)
    return models.run if models else None


def newest_models(folder: Path, runs: Iterable[str]) -> Models | None:
    """Return the models of the first of the runs whose models can be loaded, ``None`` if none can."""
    for run in runs:
        with suppress(ArtifactError):
            return load_models(folder, run)
    return None


def stamp_of(folder: Path, run: str) -> tuple[tuple[str, int, int], ...]:
    """Return what changes whenever a file of a run does: (name, time, size) of each that is there."""
    stamps = []
    for name in (*_FILES, _CHECKSUMS):
        with suppress(OSError):
            stat = (folder / run / name).stat()
            stamps.append((name, stat.st_mtime_ns, stat.st_size))
    return tuple(stamps)


def _mapped(path: Path, facts: dict[str, Any]) -> Models:
    return Models(
        run=facts["run"],
        item_ids=tuple(facts["item_ids"]),
        als_regularization=facts["als_regularization"],
        als_alpha=facts["als_alpha"],
        chance_actors=facts["chance_actors"],
        manifest=msgspec.convert(facts["manifest"], Manifest),
        **{name: np.load(path / f"{name}.npy", mmap_mode="r") for name in _ARRAYS},
    )


def _check(models: Models) -> None:
    """Raise `ArtifactError` unless every array has its shape and every number may be used as it is."""
    n_items = len(models.item_ids)
    near = models.neighbours.shape
    for name, kind, shape, low, high in (
        ("popularity", np.float32, (n_items,), 0, 1),
        ("neighbours", np.int32, (n_items, *near[1:2]), -1, n_items - 1),
        ("neighbour_weights", np.float32, near, _LOWEST, _HIGHEST),
        ("neighbour_actors", np.int32, near, 0, _MOST),
        ("recent_actors", np.int32, (n_items,), 0, _MOST),
        ("factors", np.float32, (n_items, *models.factors.shape[1:2]), _LOWEST, _HIGHEST),
    ):
        array = getattr(models, name)
        is_known = array.ndim == len(shape) and array.shape == shape and array.dtype == kind
        # NaN is the least and the greatest of an array that has one, and is within no bounds.
        if not is_known or (array.size and not (low <= array.min() and array.max() <= high)):
            raise ArtifactError(
                f"{name} of run {models.run} is {array.dtype} {array.shape}, or has numbers that may not be; "
                f"expected {np.dtype(kind)} {shape} from {low} to {high}; run `civicrec nightly`"
            )
    if not all(isinstance(item_id, str) and item_id for item_id in models.item_ids):
        raise ArtifactError(f"run {models.run} has an item without an id; run `civicrec nightly`")
    scalars = (models.als_regularization, models.als_alpha, models.chance_actors)
    if not all(math.isfinite(one) and one >= 0 for one in scalars):
        raise ArtifactError(f"run {models.run} has no usable ALS parameters or chance; run `civicrec nightly`")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
