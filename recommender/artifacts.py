"""Trained models on disk: written whole by the nightly job, memory-mapped by serving.

In: arrays. Out: a `Models` whose arrays are mapped, not read. A model folder is immutable once it has its manifest;
the newest run is the one the registry names.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from civicrec.errors import ArtifactError

FORMAT = 1


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
        (n_items,) float32, share of actors that turned to the item in the window, 0..1.
    neighbours
        (n_items, k) int32 row numbers of the strongest neighbours, -1 where there are fewer. Row i holds what a
        history with item i says about others; a history's scores are the sum of its rows (`scoring.py`).
    neighbour_weights
        (n_items, k) float32 item-item weights; may be negative (EASE), 0 where the neighbour is -1.
    factors
        (n_items, f) float32 ALS item vectors, all 0 for an item nobody turned to.
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
    factors: NDArray[np.float32]
    als_regularization: float
    als_alpha: float
    manifest: dict[str, Any]


_ARRAYS = ("popularity", "neighbours", "neighbour_weights", "factors")


def save_models(folder: Path, models: Models) -> Path:
    """Write the models to ``folder/<run>``, replacing an earlier try of the same run; return the path."""
    folder.mkdir(parents=True, exist_ok=True)
    final, draft = folder / models.run, folder / f".{models.run}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name in _ARRAYS:
        np.save(draft / f"{name}.npy", getattr(models, name))
    facts = {
        "format": FORMAT, "run": models.run, "item_ids": models.item_ids, "manifest": models.manifest,
        "als_regularization": models.als_regularization, "als_alpha": models.als_alpha,
    }  # fmt: skip
    (draft / "models.json").write_text(json.dumps(facts, ensure_ascii=False))
    if final.exists():
        old = folder / f".{models.run}.old.{os.getpid()}"
        final.rename(old)
        draft.rename(final)
        shutil.rmtree(old)
    else:
        draft.rename(final)
    return final


def load_models(folder: Path, run: str) -> Models:
    """Map the models of a run.

    Raises
    ------
    ArtifactError
        If the folder is missing, incomplete, or from another format; run `civicrec nightly` to make it anew.
    """
    path = folder / run
    try:
        facts = json.loads((path / "models.json").read_text())
        if facts["format"] != FORMAT:
            raise ArtifactError(f"{path} has format {facts['format']}, expected {FORMAT}; run `civicrec nightly`")
        arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"no usable models in {path}: {error}; run `civicrec nightly`") from error
    n_items = len(facts["item_ids"])
    if any(len(array) != n_items for array in arrays.values()):
        raise ArtifactError(f"the arrays in {path} do not have {n_items} rows; run `civicrec nightly`")
    return Models(
        run=facts["run"],
        item_ids=tuple(facts["item_ids"]),
        als_regularization=facts["als_regularization"],
        als_alpha=facts["als_alpha"],
        manifest=facts["manifest"],
        **arrays,
    )
