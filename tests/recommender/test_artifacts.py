"""Models on disk are what was written, or they are refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from civicrec.errors import ArtifactError
from recommender.artifacts import Models, load_models, newest_usable, save_models
from tests.recommender.worlds import some_models

NAMES = [f"i{n}" for n in range(12)]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_models(tmp_path, some_models(NAMES, seed=1))


def test_what_was_saved_is_loaded(saved: Path) -> None:
    models, loaded = some_models(NAMES, seed=1), load_models(saved.parent, "run-1")
    assert (loaded.run, loaded.item_ids, loaded.manifest) == (models.run, models.item_ids, models.manifest)
    for name in ("popularity", "neighbours", "neighbour_weights", "neighbour_actors", "recent_actors", "factors"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(models, name))


def test_everything_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()

    def fsync(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)

    rename = Path.rename

    def checked(self: Path, target: Path) -> Path:
        assert {path.stat().st_ino for path in (self, *self.iterdir())} <= synced
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", checked)
    save_models(tmp_path, some_models(NAMES))
    assert tmp_path.stat().st_ino in synced


def npy(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    return lambda run: np.save(run / f"{name}.npy", change(np.load(run / f"{name}.npy")))


def text(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda run: (run / name).write_bytes(content) and None


def instead(name: str, make: Callable[[Path], None]) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        (run / name).unlink()
        make(run / name)

    return spoil


SPOILERS: dict[str, Callable[[Path], None]] = {
    "a pipe nobody writes to": instead("factors.npy", os.mkfifo),
    "facts in a pipe": instead("models.json", os.mkfifo),
    "checksums in a pipe": instead("checksums.json", os.mkfifo),
    "a folder in place of an array": instead("popularity.npy", Path.mkdir),
    "a link to nothing": instead("factors.npy", lambda path: path.symlink_to("nowhere")),
    "a link to itself": instead("factors.npy", lambda path: path.symlink_to(path)),
    "a link to a device without end": instead("neighbours.npy", lambda path: path.symlink_to("/dev/zero")),
    "objects": npy("factors", lambda array: array.astype(object)),
    "an empty array": text("popularity.npy", b""),
    "noise": text("factors.npy", bytes(range(256)) * 20),
    "a truncated array": lambda run: os.truncate(run / "neighbours.npy", 200),
    "a missing array": lambda run: (run / "factors.npy").unlink(),
    "another shape": npy("neighbour_weights", lambda array: array[:, 0].copy()),
    "fewer rows": npy("factors", lambda array: array[:-1].copy()),
    "another kind of number": npy("neighbours", lambda array: array.astype(np.float64)),
    "rows out of range": npy("neighbours", lambda array: np.full_like(array, 10**8)),
    "not a number": npy("factors", lambda array: np.full_like(array, np.nan)),
    "no array but a number": npy("popularity", lambda _: np.float32(1)),
    "empty facts": text("models.json", b""),
    "facts in a list": text("models.json", b"[]"),
    "facts that are null": text("models.json", b"null"),
    "facts cut off": lambda run: os.truncate(run / "models.json", 50),
    "facts of nothing": text("models.json", b"{}"),
    "facts nested without end": text("models.json", b"[" * 100_000),
    "facts that are no text": text("models.json", b"\xff\xfe\x00"),
    "no checksums": lambda run: (run / "checksums.json").unlink(),
    "checksums in a list": text("checksums.json", b"[1]"),
    "empty checksums": text("checksums.json", b""),
    "no folder": lambda run: shutil.rmtree(run),
    "a file for a folder": lambda run: (shutil.rmtree(run), run.write_bytes(b""))[0],
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=list(SPOILERS))
def test_damaged_models_are_refused_with_what_to_do(saved: Path, spoil: Callable[[Path], None]) -> None:
    spoil(saved)
    with pytest.raises(ArtifactError, match="run `civicrec nightly`"):
        load_models(saved.parent, saved.name)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_other_byte_anywhere_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    run = save_models(tmp_path, some_models(NAMES, seed=1))
    path = data.draw(st.sampled_from(sorted(run.iterdir())))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    if path.name == "checksums.json" and json_of(content) == json_of(path.read_bytes()):
        return  # a blank for a blank
    path.write_bytes(content)
    with pytest.raises(ArtifactError):
        load_models(tmp_path, run.name)


def json_of(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


@pytest.mark.parametrize(
    "changes",
    [
        {"factors": np.full((12, 3), np.nan, np.float32)},
        {"factors": np.full((12, 3), np.inf, np.float32)},
        {"popularity": np.full(12, 1.5, np.float32)},
        {"popularity": np.full(12, -0.1, np.float32)},
        {"popularity": np.ones((12, 1), np.float32)},
        {"neighbours": np.full((12, 4), 12, np.int32)},
        {"neighbours": np.full((12, 4), -2, np.int32)},
        {"neighbours": np.zeros((12, 5), np.int32)},
        {"neighbours": np.zeros((12, 4), np.int64)},
        {"als_alpha": float("nan")},
        {"item_ids": tuple(NAMES[:-1])},
        {"item_ids": (*NAMES[:-1], "")},
    ],
)
def test_models_that_no_list_can_be_made_from_are_not_written(tmp_path: Path, changes: dict[str, Any]) -> None:
    models: Models = replace(some_models(NAMES), **changes)
    with pytest.raises(ArtifactError):
        save_models(tmp_path, models)
    assert list(tmp_path.iterdir()) == []


def test_a_run_written_again_over_a_damaged_one_is_whole(saved: Path) -> None:
    (saved / "factors.npy").write_bytes(b"")
    save_models(saved.parent, some_models(NAMES, seed=1))
    assert load_models(saved.parent, saved.name).run == "run-1"
    assert [path.name for path in saved.parent.iterdir()] == ["run-1"]


def test_the_newest_usable_run_is_the_first_that_loads(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        save_models(tmp_path, some_models(NAMES, seed=seed))
    (tmp_path / "run-3/factors.npy").write_bytes(b"")
    assert newest_usable(tmp_path, ["run-4", "run-3", "run-2", "run-1"]) == "run-2"
    assert newest_usable(tmp_path, ["run-4", "run-3"]) is None
