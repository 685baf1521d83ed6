"""What a run says of itself: typed inside, and outside the JSON that it always was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from civicrec.errors import ArtifactError
from recommender.artifacts import load_models, save_models
from recommender.manifest import Manifest
from tests.recommender.worlds import some_models

#: As `civicrec nightly` of an earlier version wrote it.
EARLIER: dict[str, Any] = {
    "day": "2026-03-09",
    "window": {"from": "2025-12-10", "until": "2026-03-09"},
    "unknown_items": 0,
    "counts": {"actors": 200, "items": 24, "pairs": 1400},
    "item_item": {"model": "ease", "l2": 100.0, "neighbours": 100},
    "als": {"regularization": 10.0, "alpha": 10.0, "iterations": 15, "factors": 32},
    "offline": {"users": 100, "recall@10": {"popular": 0.3, "item_item": 1.0, "als": 0.9}},
    "seed": 20260101,
    "seconds": {"hold out": 0.1, "fit als": 1.25},
    "versions": {"civicrec": "0.1.0", "numpy": "2.4.0", "scipy": "1.17.0", "implicit": "0.7.2"},
}


def test_the_manifest_of_an_earlier_version_is_read_and_written_as_it_was() -> None:
    assert msgspec.to_builtins(msgspec.convert(EARLIER, Manifest)) == EARLIER


def test_what_an_earlier_version_does_not_say_is_not_made_up() -> None:
    assert msgspec.to_builtins(msgspec.convert({"item_item": {"model": "cosine"}}, Manifest)) == {
        "item_item": {"model": "cosine"}
    }


@pytest.mark.parametrize(("model", "proves"), [("cosine", True), ("ease", False), (None, False)])
def test_only_a_cosine_proves_that_people_interacted_with_both(model: str | None, proves: bool) -> None:
    said = {"item_item": {"model": model}} if model else {}
    assert msgspec.convert(said, Manifest).proves_shared_actors is proves


@pytest.mark.parametrize("manifest", [[], {"counts": {"actors": "many"}}, {"item_item": {"model": "trees"}}])
def test_a_manifest_of_another_shape_makes_the_run_unusable(tmp_path: Path, manifest: Any) -> None:
    path = save_models(tmp_path, replace(some_models([f"i{n}" for n in range(12)]), manifest=manifest))
    with pytest.raises(ArtifactError, match="run `civicrec nightly`"):
        load_models(tmp_path, path.name)
